// Lines that people type as pairs.

export interface Pairs {
  pairs: Record<string, string>;
  /** The first line that is no pair. */
  bad: string | undefined;
}

/** Reads lines `key = value`; empty lines do not count. */
export function pairsOf(text: string): Pairs {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const cut = (line: string): [string, string] => {
    const at = line.indexOf("=");
    return [line.slice(0, at).trim(), line.slice(at + 1).trim()];
  };
  const isPair = (line: string) => line.includes("=") && cut(line)[0] !== "";
  return { pairs: Object.fromEntries(lines.filter(isPair).map(cut)), bad: lines.find((line) => !isPair(line)) };
}
