// Callbacks: what can be asked for, and what can be done with them.
import { api, good } from "./client";

export interface Filter {
  service: string;
  states: string[];
  reason: string;
  number: string;
  from: string;
  until: string;
}

export const NO_FILTER: Filter = { service: "", states: [], reason: "", number: "", from: "", until: "" };
export const STATES = ["SCHEDULED", "QUEUED", "ROUTING", "PROCESSING", "PAUSED", "COMPLETED"];
export const REASONS = [
  "AGENT_CONNECTED", "CANCELLED", "FAIL_CALL_TO_CUSTOMER", "FAIL_FAX_REACHED", "FAIL_AGENT_CONNECT",
  "FAIL_TARGET_NOT_FOUND", "FAIL_INTERACTION_DELETED", "FAIL_TIMEOUT_TTL", "FAIL_QUEUEING", "FAIL_ERROR",
  "FAIL_USER_NO_CONFIRM", "NOT_AVAILABLE",
];
/** States in which a callback may still be cancelled. */
export const OPEN = ["SCHEDULED", "QUEUED", "ROUTING", "PAUSED"];
/** Ids of one request of many cancellations. */
const CHUNK = 200;
/** Callbacks of one answer at most. */
const PAGE_MAX = 1000;
/** How often those that a walk over moving pages missed are looked for. */
const ROUNDS_MAX = 5;

/** The pairs of a query; a state may stand in it several times. */
export function pairs(filter: Filter): [string, string][] {
  const all: [string, string][] = [
    ["service", filter.service],
    ...filter.states.map((state): [string, string] => ["state", state]),
    ["reason", filter.reason],
    ["number", filter.number.trim()],
    ["from", iso(filter.from)],
    ["until", iso(filter.until)],
  ];
  return all.filter(([, value]) => value !== "");
}

/** The local time of a form as the server reads it; empty when it is no time. */
export function iso(local: string): string {
  if (local === "") return "";
  const date = new Date(local);
  return Number.isNaN(date.getTime()) ? "" : date.toISOString();
}

/** The client writes each key once: repeated ones are written here. */
const query = (all: [string, string][]) => ({
  params: { query: {} as Record<string, string> },
  querySerializer: () => new URLSearchParams(all).toString(),
});

export const listCallbacks = async (filter: Filter, skip: number, limit: number) =>
  (
    await good(
      api.GET("/api/v1/callbacks", query([...pairs(filter), ["order", "newest"], ["skip", String(skip)], ["limit", String(limit)]])),
    )
  ).callbacks;

export const countCallbacks = async (filter: Filter) =>
  (await good(api.GET("/api/v1/callbacks/count", query(pairs(filter))))).count;

export const exportAddress = (filter: Filter) =>
  `/api/v1/callbacks/export?${new URLSearchParams(pairs(filter)).toString()}`;

export interface Cancelled {
  cancelled: number;
  refused: { _id: string; message: string }[];
}

export async function cancelMany(ids: string[], progress: (done: number) => void): Promise<Cancelled> {
  const result: Cancelled = { cancelled: 0, refused: [] };
  for (let at = 0; at < ids.length; at += CHUNK) {
    const body = { ids: ids.slice(at, at + CHUNK) };
    const answer = (await good(api.POST("/api/v1/callbacks/bulk-cancel", { body }))) as {
      cancelled: string[];
      refused: Cancelled["refused"];
    };
    result.cancelled += answer.cancelled.length;
    result.refused.push(...answer.refused);
    progress(Math.min(at + CHUNK, ids.length));
  }
  return result;
}

/** What matched when it was counted. */
export interface Matching {
  ids: string[];
  /** When the last of them was made; empty without any. */
  newest: string;
}

/**
 * Everything that matches, may still be cancelled and was made until then. Callbacks come and go while the pages are
 * read: none stands in it twice, but one that moved to an earlier page may be missed.
 */
export async function openNow(filter: Filter, until?: string): Promise<Matching> {
  const states = filter.states.length > 0 ? filter.states.filter((state) => OPEN.includes(state)) : OPEN;
  const made = new Map<string, string>();
  for (let skip = 0; states.length > 0; skip += PAGE_MAX) {
    const found = await listCallbacks({ ...filter, states }, skip, PAGE_MAX);
    for (const { _id, _rb_created = "" } of found) if (until === undefined || _rb_created <= until) made.set(_id, _rb_created);
    if (found.length < PAGE_MAX) break;
  }
  const newest = [...made.values()].reduce((last, at) => (at > last ? at : last), "");
  return { ids: [...made.keys()], newest };
}

/** Cancels what was counted and what the count missed, but nothing that was made after it. */
export async function cancelMatching(filter: Filter, counted: Matching, progress: (done: number) => void): Promise<Cancelled> {
  const result: Cancelled = { cancelled: 0, refused: [] };
  const tried = new Set<string>();
  let ids = counted.ids;
  for (let round = 0; ids.length > 0 && round < ROUNDS_MAX; round += 1) {
    const before = tried.size;
    const answer = await cancelMany(ids, (done) => progress(before + done));
    result.cancelled += answer.cancelled;
    result.refused.push(...answer.refused);
    ids.forEach((id) => tried.add(id));
    ids = (await openNow(filter, counted.newest)).ids.filter((id) => !tried.has(id));
  }
  return result;
}
