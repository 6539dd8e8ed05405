// Times as people read them; the exact one stands in the title.
export function when(time: string | number | null | undefined): string {
  if (time === null || time === undefined || time === "") return "–";
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return String(time);
  const today = new Date().toDateString() === date.toDateString();
  const clock = date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  return today ? clock : `${date.toLocaleDateString([], { day: "2-digit", month: "short" })} ${clock}`;
}

export function Time({ at }: { at: string | number | null | undefined }) {
  if (!at) return <span>–</span>;
  const date = new Date(at);
  return (
    <time dateTime={date.toISOString()} title={date.toISOString()}>
      {when(at)}
    </time>
  );
}

/** A length of time in its two largest units. */
export function lasting(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}
