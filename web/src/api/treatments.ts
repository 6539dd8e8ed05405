// Treatment files: what is there, how one sounds, new ones, ones that go.
import { useQuery } from "@tanstack/react-query";
import { OWN_PAGE, Refusal, api, good, tellLoggedOut } from "./client";

export const useTreatments = () =>
  useQuery({
    queryKey: ["treatments"],
    queryFn: async () => (await good(api.GET("/api/v1/treatments"))).treatments,
  });

/** Where a treatment is listened to; the time of its last change makes a new file a new address. */
export const soundOf = (name: string, changed?: string | null) =>
  `/api/v1/treatments/${encodeURIComponent(name)}${changed ? `?${new URLSearchParams({ at: changed }).toString()}` : ""}`;

/** Sends a file as it is; answers with its length in ms. */
export async function uploadTreatment(name: string, file: Blob): Promise<number> {
  const response = await fetch(`/api/v1/treatments/${encodeURIComponent(name)}`, {
    method: "PUT",
    headers: { ...OWN_PAGE, "Content-Type": "application/octet-stream" },
    body: file,
  }).catch((cause: unknown) => {
    throw new Refusal(0, "NO_ANSWER", String(cause));
  });
  if (response.status === 401) tellLoggedOut();
  const body = (await response.json().catch(() => ({}))) as { ms?: number; title?: string; detail?: string };
  if (!response.ok) throw new Refusal(response.status, body.title ?? "", body.detail ?? String(response.status));
  return body.ms ?? 0;
}

export const removeTreatment = (name: string) =>
  good(api.DELETE("/api/v1/treatments/{name}", { params: { path: { name } } }));

/** The file that a treatment option names: bare, or in its JSON form; empty for addresses and nothing. */
export function fileOf(value: string | undefined): string {
  const text = (value ?? "").trim();
  const named = text.startsWith("{") ? fromJson(text) : text;
  return /^https?:/i.test(named) ? "" : named;
}

function fromJson(text: string): string {
  try {
    const file = (JSON.parse(text) as { file?: unknown }).file;
    return typeof file === "string" ? file : "";
  } catch {
    return "";
  }
}

/** The value with another file; hints of the JSON form stay. */
export function withFile(value: string | undefined, file: string): string {
  const text = (value ?? "").trim();
  if (!text.startsWith("{") || fromJson(text) === "") return file;
  return JSON.stringify({ ...(JSON.parse(text) as object), file });
}
