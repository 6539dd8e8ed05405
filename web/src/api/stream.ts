// Server-sent events, read from an answer as they come.

export interface Sent {
  id: string | undefined;
  event: string | undefined;
  data: unknown;
}

/** How long is waited before a broken stream is taken up again, by the number of tries. */
export const PAUSES_MS = [500, 1000, 2000, 5000, 10000];

/** Reads until the stream ends. */
export async function readEvents(body: ReadableStream<Uint8Array>, take: (sent: Sent) => void): Promise<void> {
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
