// Asking anew what a page shows: one answer after the other, however often something happens.
import type { QueryClient, QueryKey } from "@tanstack/react-query";

/**
 * Asks anew what is shown of a key. While an answer is awaited nothing is broken off: what happens meanwhile is asked
 * for once more afterwards, so that slow answers are seen and the last one is never missed.
 */
export function askingAnew(queries: QueryClient): (queryKey: QueryKey) => void {
  const awaited = new Map<string, { again: boolean }>();
  return function ask(queryKey) {
    const name = JSON.stringify(queryKey);
    const running = awaited.get(name);
    if (running) {
      running.again = true;
      return;
    }
    const now = { again: false };
    awaited.set(name, now);
    void queries.invalidateQueries({ queryKey }).finally(() => {
      awaited.delete(name);
      if (now.again) ask(queryKey);
    });
  };
}
