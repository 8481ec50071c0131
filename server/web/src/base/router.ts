// Pages by path, without reloads: the History API holds the view, so every address can be shared.

/** A page draws itself into host; what it returns is called when it is left. */
export type Page = (host: HTMLElement, params: { path: string[]; query: URLSearchParams }) => void | (() => void);

let leave: void | (() => void);
let render: (path: string, search: string) => void = () => {};

/** Starts routing: match picks the page of a path, draw puts it on screen. */
export function startRouter(match: (path: string[]) => { page: Page; title: string }, host: HTMLElement, entered: (title: string) => void): void {
  render = (path, search) => {
    leave?.();
    const segments = path.split("/").filter(Boolean).map(decode);
    const { page, title } = match(segments);
    name(title);
    host.replaceChildren();
    leave = page(host, { path: segments, query: new URLSearchParams(search) });
    entered(title);
  };
  addEventListener("popstate", () => render(location.pathname, location.search));
  document.addEventListener("click", followLink);
  render(location.pathname, location.search);
}

/** Says in the title of the window which page, or which record, is shown. */
export function name(title: string): void {
  document.title = `${title} · Fentrace`;
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

function followLink(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = (event.target as Element).closest("a");
  if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
  if (link.pathname.startsWith("/v1/") || link.pathname.startsWith("/assets/") || link.pathname === "/login") return;
  if (link.hash && link.pathname === location.pathname) return;
  event.preventDefault();
  go(link.pathname + link.search);
}

/** Goes to another page. */
export function go(address: string): void {
  history.pushState(null, "", address);
  scrollTo(0, 0);
  render(location.pathname, location.search);
}

/** Notes the present state of the view in the address bar without drawing anything. */
export function note(query: URLSearchParams, path = location.pathname): void {
  const text = query.toString();
  history.replaceState(null, "", text ? `${path}?${text}` : path);
}
