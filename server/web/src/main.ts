import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/result.css";
import "./styles/pages.css";
import "./styles/records.css";
import "./styles/print.css";
import { h } from "./base/dom";
import { accountPage } from "./pages/account";
import { adminPage } from "./pages/admin";
import { batchPage, batchesPage } from "./pages/batch";
import { jobsPage } from "./pages/jobs";
import { libraryPage } from "./pages/library";
import { logPage } from "./pages/log";
import { mapPage } from "./pages/map";
import { queuePage } from "./pages/queue";
import { reviewsPage } from "./pages/reviews";
import { scanPage } from "./pages/scan";
import { scanDetailPage } from "./pages/scandetail";
import { scansPage } from "./pages/scans";
import { seizurePage } from "./pages/seizure";
import { seizuresPage } from "./pages/seizures";
import { startRouter, type Page } from "./base/router";
import { shell } from "./shell/shell";
import { startTheme } from "./base/theme";

const missing: Page = (host) => {
  host.append(h("div", { class: "empty" }, h("h1", {}, "There is no such page"), h("p", {}, "The address may be mistyped. "), h("p", {}, h("a", { href: "/" }, "Go to Scan"))));
};

/** Records are addressed by UUID; anything else is no record's address. */
const isID = (text: string | undefined) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text ?? "");

function match(path: string[]): { page: Page; title: string } {
  if (path.length === 0) return { page: scanPage, title: "Scan" };
  if (path[0] === "scans" && path.length === 1) return { page: scansPage, title: "Scans" };
  if (path[0] === "scans" && path.length === 2 && isID(path[1])) return { page: scanDetailPage, title: "Scan result" };
  if (path[0] === "seizures" && path.length === 1) return { page: seizuresPage, title: "Seizures" };
  if (path[0] === "seizures" && path.length === 2 && isID(path[1])) return { page: seizurePage, title: "Seizure" };
  if (path[0] === "reviews" && path.length === 1) return { page: reviewsPage, title: "Reviews" };
  if (path[0] === "map" && path.length === 1) return { page: mapPage, title: "Map" };
  if (path[0] === "library" && path.length === 1) return { page: libraryPage, title: "Library" };
  if (path[0] === "batches" && path.length === 1) return { page: batchesPage, title: "Batches" };
  if (path[0] === "batches" && path.length === 2 && isID(path[1])) return { page: batchPage, title: "Batch" };
  if (path[0] === "jobs" && path.length === 1) return { page: jobsPage, title: "Jobs" };
  if (path[0] === "queue" && path.length === 1) return { page: queuePage, title: "Unsent scans" };
  if (path[0] === "log" && path.length === 1) return { page: logPage, title: "Log" };
  if (path[0] === "admin" && path.length === 1) return { page: adminPage, title: "Admin" };
  if (path[0] === "account" && path.length === 1) return { page: accountPage, title: "Account" };
  return { page: missing, title: "No such page" };
}

startTheme();
const { main, entered } = shell(document.getElementById("app")!);
startRouter(match, main, entered);
