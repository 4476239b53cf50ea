// The live dashboard of a run: a page, the server that it comes from, and what it is told.
export type { Silences } from "./board.ts";
export { Dashboard, type DashboardOptions } from "./dashboard.ts";
