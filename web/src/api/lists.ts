// Transaction Lists: their text, cut into sections and written again.
import { useQuery } from "@tanstack/react-query";
import { api, asText, good, report, type Report } from "./client";

export interface Section {
  name: string;
  entries: [string, string][];
}

export const useLists = () =>
  useQuery({
    queryKey: ["transactions"],
    queryFn: async () => (await good(api.GET("/api/v1/transactions"))).transactions,
  });

export const useCatalogue = () =>
  useQuery({
    queryKey: ["events", "catalogue"],
    queryFn: () => good(api.GET("/api/v1/events/catalogue")),
    staleTime: Infinity,
  });

export const importList = (text: string, mode: { dry_run: boolean; strict: boolean }, name: string): Promise<Report> =>
  report(
    api.POST("/api/v1/transactions/import", {
      params: { query: { name, dry_run: String(mode.dry_run), strict: String(mode.strict) } },
      body: text,
      ...asText,
    }),
  );

export const previewList = async (text: string, service: string) =>
  (await good(api.POST("/api/v1/transactions/preview", { params: { query: { service } }, body: text, ...asText })))
    .previews;

export const listText = async (name: string): Promise<string> =>
  String(
    (await good(api.GET("/api/v1/transactions/{name}/export", { params: { path: { name } }, parseAs: "text" }))) ?? "",
  );

/** Reads what the server exports: sections, and one entry a line. */
export function cut(text: string): Section[] {
  const sections: Section[] = [];
  for (const line of text.split("\n")) {
    const head = /^\s*\[(.+)\]\s*$/.exec(line);
    if (head?.[1]) {
      sections.push({ name: head[1], entries: [] });
      continue;
    }
    const at = line.indexOf("=");
    const section = sections[sections.length - 1];
    if (section && at > 0) section.entries.push([line.slice(0, at).trim(), line.slice(at + 1).trim()]);
  }
  return sections;
}

/** Writes sections as an import reads them; line breaks inside a value become blanks. */
export function joined(sections: Section[]): string {
  const one = (value: string) => value.split(/\s*\n\s*/).join(" ").trim();
  return sections
    .map(({ name, entries }) => [`[${name}]`, ...entries.map(([key, value]) => `${key} = ${one(value)}`)].join("\n"))
    .join("\n\n")
    .concat("\n");
}

export const entry = (section: Section | undefined, key: string): string =>
  section?.entries.find(([name]) => name === key)?.[1] ?? "";

/** The section with a key set; an empty value removes the key. */
export function withEntry(section: Section, key: string, value: string): Section {
  const has = section.entries.some(([name]) => name === key);
  const entries: [string, string][] =
    value === ""
      ? section.entries.filter(([name]) => name !== key)
      : has
        ? section.entries.map(([name, old]): [string, string] => (name === key ? [name, value] : [name, old]))
        : [...section.entries, [key, value]];
  return { ...section, entries };
}
