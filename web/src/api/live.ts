// The live channel: server-sent events of all callbacks, taken up again where they broke off.
import { useSyncExternalStore } from "react";
import { follow, type Sent, type StreamState } from "./stream";

export interface LiveEvent {
  callback_id: string;
  seq: number;
  event_id: string;
  state: string;
}

const listeners = new Set<(events: LiveEvent[]) => void>();
const stateListeners = new Set<() => void>();
let state: StreamState = "connecting";
let stop: AbortController | undefined;
let pending: LiveEvent[] = [];
let flush: number | undefined;

/** Events that came in together are told together, a few times a second at most. */
const TOGETHER_MS = 300;

function setState(next: StreamState): void {
  state = next;
  stateListeners.forEach((listener) => listener());
}

/** Whether events come in. */
export function useLiveState(): StreamState {
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
  const take = ({ id, data }: Sent) => id && tell(data as LiveEvent);
  void follow("/api/v1/events/tail", controller.signal, take, setState);
  return () => controller.abort();
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
