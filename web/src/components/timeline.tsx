// Everything that happened to a callback, in order, with what was told to whom.
import { Loader, Table } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { api, good, type Delivery, type LogEvent } from "../api/client";
import { t, tOr } from "../text";
import { Fact } from "./fact";
import { HeardPicture, type Picture } from "./heard";
import { ErrorNote } from "./notes";
import { Status } from "./status";
import { Time, lasting } from "./time";

type Data = Record<string, unknown>;

export const useEvents = (id: string) =>
  useQuery({
    queryKey: ["callback", id, "events"],
    queryFn: async () => (await good(api.GET("/api/v1/callbacks/{id}/events", { params: { path: { id } } }))).events,
  });

export const useDeliveriesOf = (id: string) =>
  useQuery({
    queryKey: ["callback", id, "deliveries"],
    queryFn: async () => (await good(api.GET("/api/v1/deliveries", { params: { query: { callback: id } } }))).deliveries,
  });

export function CallbackTimeline({ id }: { id: string }) {
  const events = useEvents(id);
  const deliveries = useDeliveriesOf(id);
  if (events.error) return <ErrorNote error={events.error} retry={() => void events.refetch()} />;
  if (!events.data) return <Loader size="sm" aria-label={t("common.loading")} />;
  const first = events.data[0]?.at_ms ?? 0;
  return (
    <ol className="timeline" aria-label={t("timeline.title")}>
      {events.data.map((event, n) => (
        <Step
          key={event.seq}
          event={event}
          before={events.data[n - 1]}
          first={first}
          deliveries={(deliveries.data ?? []).filter((delivery) => delivery.seq === event.seq)}
        />
      ))}
    </ol>
  );
}

interface StepProps {
  event: LogEvent;
  before: LogEvent | undefined;
  first: number;
  deliveries: Delivery[];
}

function Step({ event, before, first, deliveries }: StepProps) {
  const data = (event.data ?? {}) as Data;
  return (
    <li data-tone={tone(event, data)}>
      <div className="stack">
        <div className="row">
          <strong>{title(event.event_id)}</strong>
          {(!before || before.state !== event.state) && <Status word={event.state} />}
          <span className="grow" />
          <span className="quiet small">
            <Time at={event.at_ms} /> · {t("timeline.after", { time: lasting(event.at_ms - first) })}
          </span>
        </div>
        <Facts event={event} data={data} />
        {deliveries.length > 0 && (
          <ul className="tight report">
            {deliveries.map((delivery) => (
              <li key={delivery.id}>
                <Told delivery={delivery} />
              </li>
            ))}
          </ul>
        )}
      </div>
    </li>
  );
}

/** The name of an event as people say it; unknown ones have their id. */
export const title = (id: string): string => tOr(`event.${id}`, id);

function tone(event: LogEvent, data: Data): string {
  if (event.event_id === "_cbe_on_service_exit")
    return String(data.c_termination_type).endsWith("AGENT_CONNECTED") ? "good" : "bad";
  if (/failed|interrupted|pending_option|nothing_published|rejected|problem/.test(event.event_id)) return "bad";
  if (/agent_connected|target_found|transfer_connected/.test(event.event_id)) return "good";
  if (/dial|answered|verdict/.test(event.event_id)) return "call";
  return "";
}

/** Attributes that the list repeats anyway. */
const KNOWN = new Set(["_service_name", "_customer_number", "_desired_time", "_v_queue", "_urs_virtual_queue"]);

function Facts({ event, data }: { event: LogEvent; data: Data }) {
  const verdict = data.verdict as Verdict | undefined;
  const rows = Object.entries(data).filter(([name]) => !KNOWN.has(name) && name !== "verdict");
  const shown: [string, ReactNode][] = rows.map(([name, value]) => [tOr(`fact.${name}`, name), shownValue(name, value)]);
  if (event.event_id === "_cbe_on_callback_submitted")
    shown.push([t("fact.queue"), String(data._v_queue ?? "")]);
  if (shown.length === 0 && !verdict) return null;
  return (
    <>
      {shown.length > 0 && (
        <dl className="facts small">
          {shown.map(([name, value]) => (
            <Fact key={name} name={name} value={value} />
          ))}
        </dl>
      )}
      {verdict && <Heard verdict={verdict} />}
    </>
  );
}

function shownValue(name: string, value: unknown): string {
  if (name === "c_call_result") {
    const word = tOr(`call_result.${String(value)}`, "");
    return word ? `${word} (${String(value)})` : String(value);
  }
  if (name === "delay_s") return `${String(value)} s`;
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

interface Verdict {
  result: string;
  decided_after_ms?: number;
  decided_after_first_sound_ms?: number;
  reasons?: { rule: string; value: number; limit: number; unit: string }[];
  picture?: Picture;
}

/** What the detector measured, each rule against its limit. */
function Heard({ verdict }: { verdict: Verdict }) {
  const measured = (value: number, unit: string) => `${Math.round(value * 10) / 10}${unit ? ` ${unit}` : ""}`;
  return (
    <div className="tight small">
      <span>
        {t("heard.verdict", { result: verdict.result })}{" "}
        {verdict.decided_after_ms !== undefined && `· ${t("heard.after", { ms: verdict.decided_after_ms })}`}
        {verdict.decided_after_first_sound_ms !== undefined &&
          ` · ${t("heard.after_sound", { ms: verdict.decided_after_first_sound_ms })}`}
      </span>
      {verdict.picture && <HeardPicture picture={verdict.picture} />}
      {verdict.reasons && verdict.reasons.length > 0 && (
        <Table withRowBorders={false} verticalSpacing={2} className="heard">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t("heard.rule")}</Table.Th>
              <Table.Th>{t("heard.value")}</Table.Th>
              <Table.Th>{t("heard.limit")}</Table.Th>
              <Table.Th>{t("heard.picture")}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {verdict.reasons.map((reason) => (
              <Table.Tr key={reason.rule}>
                <Table.Td>{reason.rule}</Table.Td>
                <Table.Td>{measured(reason.value, reason.unit)}</Table.Td>
                <Table.Td>{reason.limit ? measured(reason.limit, reason.unit) : "–"}</Table.Td>
                <Table.Td>
                  {reason.limit > 0 && <Bar part={reason.value / reason.limit} />}
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
    </div>
  );
}

/** A value against its limit, which stands at two thirds of the width. */
function Bar({ part }: { part: number }) {
  const width = Math.min(1, part / 1.5) * 120;
  return (
    <svg width="120" height="10" viewBox="0 0 120 10" aria-hidden="true">
      <rect width="120" height="10" rx="2" fill="var(--raised)" />
      <rect width={width} height="10" rx="2" fill="var(--mantine-color-blue-6)" />
      <line x1="80" x2="80" y1="0" y2="10" stroke="var(--mantine-color-red-7)" strokeWidth="2" />
    </svg>
  );
}

/** One notification: how it stands, and each attempt once it is asked for. */
function Told({ delivery }: { delivery: Delivery }) {
  const [open, setOpen] = useState(false);
  const last = delivery.attempts[delivery.attempts.length - 1];
  return (
    <div className="tight small">
      <span className="row">
        <Status word={delivery.state} />
        <span className="wrap">{t("timeline.told", { channel: delivery.channel, target: delivery.target })}</span>
        {last && <span className="quiet">{attemptText(last)}</span>}
        <button type="button" className="link" aria-expanded={open} onClick={() => setOpen(!open)}>
          {t("deliveries.attempts", { n: delivery.attempts.length })}
        </button>
      </span>
      {open && <Attempts delivery={delivery} />}
    </div>
  );
}

/** Every attempt, with request and answer where they are kept. */
export function Attempts({ delivery }: { delivery: Delivery }) {
  const untraced = delivery.attempts.length > 0 && !delivery.attempts.some((attempt) => attempt.request);
  return (
    <div className="stack">
      {delivery.attempts.length === 0 && <span className="quiet">{t("deliveries.no_attempt")}</span>}
      {delivery.attempts.map((attempt, n) => (
        <div key={n} className="tight">
          <span>
            {n + 1}. <Time at={attempt.at} /> · {attemptText(attempt)}
            {attempt.status && attempt.error ? ` · ${attempt.error}` : ""}
          </span>
          {attempt.request && (
            <pre className="pre" aria-label={t("deliveries.request")}>
              {attempt.request}
            </pre>
          )}
          {attempt.answer && (
            <pre className="pre" aria-label={t("deliveries.answer")}>
              {attempt.answer}
            </pre>
          )}
        </div>
      ))}
      {untraced && <span className="quiet small">{t("deliveries.no_trace")}</span>}
      {delivery.next_at && (
        <span>
          {t("deliveries.next")}: <Time at={delivery.next_at} />
        </span>
      )}
    </div>
  );
}

/** How an attempt ended. */
export function attemptText(attempt: Delivery["attempts"] extends (infer A)[] ? A : never): string {
  const how = attempt.status ? `HTTP ${attempt.status}` : (attempt.error ?? "");
  return `${how} · ${attempt.ms ?? 0} ms`;
}
