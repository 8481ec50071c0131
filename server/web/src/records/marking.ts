// The Traffic Light Protocol 2.0: to whom what is marked may be shown.

/** The levels, the widest first. */
export const markings = ["clear", "green", "amber", "amber+strict", "red"] as const;

/** The marking as it is printed. */
export const markingWords = (level: string | undefined) => `TLP:${(level ?? "red").toUpperCase()}`;
