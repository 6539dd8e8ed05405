// The live channel: server-sent events of all callbacks, taken up again where they broke off.
import { useSyncExternalStore } from "react";
import { OWN_PAGE, untilLoggedIn } from "./client";
import { PAUSES_MS, readEvents } from "./stream";

export interface LiveEvent {
  callback_id: string;
  seq: number;
  event_id: string;
  state: string;
}

export type LiveState = "connecting" | "live" | "waiting";

const listeners = new Set<(events: LiveEvent[]) => void>();
const stateListeners = new Set<() => void>();
let state: LiveState = "connecting";
let stop: AbortController | undefined;
let pending: LiveEvent[] = [];
let flush: number | undefined;

/** Events that came in together are told together, a few times a second at most. */
const TOGETHER_MS = 300;

function setState(next: LiveState): void {
  state = next;
  stateListeners.forEach((listener) => listener());
}

/** Whether events come in. */
export function useLiveState(): LiveState {
  return useSyncExternalStore(
    (listener) => {
      stateListeners.add(listener);
      return () => void stateListeners.delete(listener);
    },
    () => state,
  );
}

/** Calls back with new events. */
export function onLive(listener: (events: LiveEvent[]) => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

/** Starts to listen; the returned function ends it. */
export function startLive(): () => void {
  stop?.abort();
  const controller = new AbortController();
  stop = controller;
  void listen(controller.signal);
  return () => controller.abort();
}

async function listen(signal: AbortSignal): Promise<void> {
  let last = "";
  let failures = 0;
  while (!signal.aborted) {
    setState(failures > 0 ? "waiting" : "connecting");
    try {
      const query = last ? `?since_id=${encodeURIComponent(last)}` : "";
      const response = await fetch(`/api/v1/events/tail${query}`, { signal, headers: OWN_PAGE });
      if (response.status === 401) {
        await untilLoggedIn(signal);
        continue;
      }
      if (!response.ok || !response.body) throw new Error(String(response.status));
      failures = 0;
      setState("live");
      await readEvents(response.body, ({ id, data }) => {
        if (!id) return;
        last = id;
        tell(data as LiveEvent);
      });
    } catch {
      // What broke is of no matter: it is tried again.
    }
    if (signal.aborted) return;
    setState("waiting");
    const pause = PAUSES_MS[Math.min(failures, PAUSES_MS.length - 1)] ?? 1000;
    failures += 1;
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

function tell(event: LiveEvent): void {
  pending.push(event);
  flush ??= window.setTimeout(() => {
    const events = pending;
    pending = [];
    flush = undefined;
    listeners.forEach((listener) => listener(events));
  }, TOGETHER_MS);
}
