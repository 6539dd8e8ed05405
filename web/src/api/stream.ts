// Server-sent events, read from an answer as they come and taken up again where they broke off.
import { OWN_PAGE, untilLoggedIn } from "./client";

export interface Sent {
  id: string | undefined;
  event: string | undefined;
  data: unknown;
}

export type StreamState = "connecting" | "live" | "waiting";

/** How long is waited before a broken stream is taken up again, by the number of tries. */
const PAUSES_MS = [500, 1000, 2000, 5000, 10000];

/** Reads the events of an address, `since_id` the last one that had an id, until the signal; without a login it waits for one. */
export async function follow(
  url: string,
  signal: AbortSignal,
  take: (sent: Sent) => void,
  tell: (state: StreamState) => void = () => undefined,
): Promise<void> {
  let last = "";
  let failures = 0;
  while (!signal.aborted) {
    tell(failures > 0 ? "waiting" : "connecting");
    try {
      const query = last ? `?since_id=${encodeURIComponent(last)}` : "";
      const response = await fetch(`${url}${query}`, { signal, headers: OWN_PAGE });
      if (response.status === 401) {
        await untilLoggedIn(signal);
        continue;
      }
      if (!response.ok || !response.body) throw new Error(String(response.status));
      failures = 0;
      tell("live");
      await readEvents(response.body, (sent) => {
        if (sent.id) last = sent.id;
        take(sent);
      });
    } catch {
      // What broke is of no matter: it is tried again.
    }
    if (signal.aborted) return;
    tell("waiting");
    const pause = PAUSES_MS[Math.min(failures, PAUSES_MS.length - 1)] ?? 1000;
    failures += 1;
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

/** Reads until the stream ends. */
async function readEvents(body: ReadableStream<Uint8Array>, take: (sent: Sent) => void): Promise<void> {
  const reader = body.pipeThrough(new TextDecoderStream() as never).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value as unknown as string;
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) {
      const lines = block.split("\n");
      const field = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      const data = field("data");
      if (data !== undefined) take({ id: field("id"), event: field("event"), data: JSON.parse(data) });
    }
  }
}
