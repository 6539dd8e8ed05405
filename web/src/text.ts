// Texts by their key, with values filled in. Another language is another file beside `en.ts`.
import { en } from "./text/en";

export type TextKey = keyof typeof en;

/** The text of a key that was put together, or something else where there is none. */
export function tOr(key: string, other: string): string {
  return key in en ? t(key as TextKey) : other;
}

export function t(key: TextKey, values: Record<string, string | number> = {}): string {
  return en[key].replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ""));
}
