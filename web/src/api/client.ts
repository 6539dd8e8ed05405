// Requests to the server, typed by its OpenAPI document.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];
export type Service = Schemas["Services"]["services"][number];
export type Option = Schemas["Options"]["options"][number];
export type Report = Schemas["ImportReport"];
export type CallbackRecord = Schemas["NativeCallback"];
export type LogEvent = Schemas["Events"]["events"][number];
export type Delivery = Schemas["Deliveries"]["deliveries"][number];
export type Agent = Schemas["Agents"]["agents"][number];
export type Trunk = Schemas["Trunks"]["trunks"][number];
export type TransactionListRow = Schemas["Transactions"]["transactions"][number];
export type Subscription = Schemas["Subscriptions"]["subscriptions"][number];
export type Session = Schemas["Session"];
export type Treatment = Schemas["Treatments"]["treatments"][number];
export type ScxmlSession = Schemas["ScxmlSessions"]["sessions"][number];
export type ScxmlLine = NonNullable<Schemas["ScxmlSession"]["log"]>[number];

/** A refusal of the server, or no answer at all. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    detail: string,
    readonly field?: string,
  ) {
    super(detail);
  }
}

/** The header that only our own page can set. */
export const OWN_PAGE = { "X-Ringback-Ui": "1" };

const listeners = new Set<() => void>();

/** Calls back when the server does not know the session any more. */
export function onLoggedOut(listener: () => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

export function tellLoggedOut(): void {
  listeners.forEach((listener) => listener());
}

const waiting = new Set<() => void>();

/** Tells that a login succeeded. */
export function tellLoggedIn(): void {
  waiting.forEach((go) => go());
  waiting.clear();
}

/** The server does not know the session: says so, and waits until there is a new one. */
export function untilLoggedIn(signal: AbortSignal): Promise<void> {
  tellLoggedOut();
  return new Promise((go) => {
    waiting.add(go);
    signal.addEventListener("abort", () => go(), { once: true });
  });
}

export const api = createClient<paths>({ baseUrl: window.location.origin, headers: OWN_PAGE });

api.use({
  onResponse({ response, request }) {
    if (response.status === 401 && !request.url.endsWith("/api/v1/session")) tellLoggedOut();
  },
});

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The body of a good answer; throws a `Refusal` otherwise. */
export async function good<T>(asked: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await asked.catch((cause: unknown) => {
    throw new Refusal(0, "NO_ANSWER", cause instanceof Error ? cause.message : String(cause));
  });
  if (response.ok) return data as T;
  throw refusal(error, response.status);
}

/** The report of an import, also of one that was refused. */
export async function report(asked: Promise<Answer<Report>>): Promise<Report> {
  const { data, error, response } = await asked.catch((cause: unknown) => {
    throw new Refusal(0, "NO_ANSWER", cause instanceof Error ? cause.message : String(cause));
  });
  if (data) return data;
  const body = error as Partial<Report> | undefined;
  if (response.status === 422 && body?.errors) return body as Report;
  throw refusal(error, response.status);
}

function refusal(error: unknown, status: number): Refusal {
  const problem = (error ?? {}) as { title?: string; detail?: string; field?: string };
  return new Refusal(status, problem.title ?? String(status), problem.detail ?? "", problem.field);
}

/** Options for a request whose body is plain text. */
export const asText = {
  bodySerializer: (body: unknown) => body as string,
  headers: { "Content-Type": "text/plain" },
};
