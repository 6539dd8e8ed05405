// One session: its chart with the active states lit, its log, sending it an event, ending it.
import { Button, Checkbox, Select, TextInput, Textarea } from "@mantine/core";
import { useState, type FormEvent, type ReactNode } from "react";
import { Link, useParams } from "react-router";
import type { ScxmlLine, ScxmlSession } from "../api/client";
import { endSession, sendEvent, titleOf, useSession, useSessionChanges, useSessionChart } from "../api/sessions";
import { Diagram } from "../components/diagram";
import { Fact } from "../components/fact";
import { Empty, ErrorNote } from "../components/notes";
import { AskingButton } from "../components/question";
import { Status } from "../components/status";
import { Time, lasting } from "../components/time";
import { toast } from "../components/toasts";
import { t } from "../text";
import { ageOf, useTick } from "./sessions";

export default function SessionPage() {
  const { id = "" } = useParams();
  useSessionChanges();
  const session = useSession(id);
  const end = async () => {
    await endSession(id);
    toast(t("session.end.done"));
  };
  return (
    <div className="page">
      <div className="head">
        <Link to="/sessions">{t("nav.sessions")}</Link>
        <span aria-hidden="true">/</span>
        <h1>{(session.data && titleOf(session.data)) || t("session.unnamed")}</h1>
        {session.data && <Status word={session.data.state} label={t(`session_state.${session.data.state}`)} />}
        <span className="grow" />
        {session.data && session.data.state !== "ended" && (
          <AskingButton title={t("session.end")} question={t("session.end.question")} action={t("session.end.do")} run={end} />
        )}
      </div>
      {session.error && <ErrorNote error={session.error} retry={() => void session.refetch()} />}
      {session.data && <Inside session={session.data} log={session.data.log ?? []} />}
    </div>
  );
}

function Inside({ session, log }: { session: ScxmlSession; log: ScxmlLine[] }) {
  const [of, setOf] = useState(session.id);
  const member = session.invoked.find((one) => one.id === of);
  const active = member ? member.active : session.active;
  const chart = useSessionChart(member ? of : session.id, session.document !== undefined);
  const label = t("session.chart");
  return (
    <>
      <section className="card" aria-label={label}>
        <div className="row">
          <h2>{label}</h2>
          {session.invoked.length > 0 && (
            <Select
              aria-label={t("session.chart.of")}
              data={[
                { value: session.id, label: t("session.chart.own") },
                ...session.invoked.map((one) => ({ value: one.id, label: titleOf(one) || one.id })),
              ]}
              value={member ? of : session.id}
              onChange={(value) => setOf(value ?? session.id)}
              allowDeselect={false}
              withScrollArea={false}
            />
          )}
        </div>
        {chart.error ? (
          <ErrorNote error={chart.error} retry={() => void chart.refetch()} />
        ) : chart.data ? (
          <Diagram svg={chart.data} active={session.state === "running" || !member ? active : []} label={label} />
        ) : (
          <Empty>{t("session.chart.none")}</Empty>
        )}
      </section>
      <div className="columns">
        <Log lines={log} own={session.id} />
        <div className="stack">
          {session.state !== "ended" && <SendEvent session={session} />}
          <Facts session={session} />
        </div>
      </div>
    </>
  );
}

function Facts({ session }: { session: ScxmlSession }) {
  useTick(1000);
  const rows: [string, ReactNode][] = [
    [t("session.id"), <span className="mono">{session.id}</span>],
    [t("sessions.document"), session.document ?? "–"],
    [
      t("sessions.callback"),
      session.callback_id ? <Link to={`/callbacks/${encodeURIComponent(session.callback_id)}`}>{session.callback_id}</Link> : "–",
    ],
    [
      t("session.started_by"),
      session.started_by ? (
        <Link to={`/sessions/${encodeURIComponent(session.started_by.split(".")[0] ?? "")}`}>{session.started_by}</Link>
      ) : (
        "–"
      ),
    ],
    [t("session.made"), <Time at={session.made_ms} />],
    [t("sessions.age"), lasting(ageOf(session))],
    ...(session.ended_ms !== undefined
      ? [[t("session.ended"), <><Time at={session.ended_ms} />{` · ${session.ended ?? ""}`}</>] as [string, ReactNode]]
      : []),
    [t("sessions.events"), session.events ?? 0],
    [t("session.microsteps"), session.microsteps ?? 0],
    [t("session.queue"), session.queue],
    [t("session.planned"), session.planned],
    [t("session.heap"), t("session.heap_kb", { n: Math.round((session.heap_bytes ?? 0) / 1024) })],
    ...session.invoked.map((one): [string, ReactNode] => [t("session.invoked"), `${titleOf(one)}: ${one.active.join(", ")}`]),
  ];
  return (
    <section className="card" aria-label={t("session.facts")}>
      <h2>{t("session.facts")}</h2>
      <dl className="facts">
        {rows.map(([name, value], n) => (
          <Fact key={`${name}${n}`} name={name} value={value} />
        ))}
      </dl>
    </section>
  );
}

function Log({ lines, own }: { lines: ScxmlLine[]; own: string }) {
  const [only, setOnly] = useState(false);
  const shown = lines.filter((line) => !only || line.kind === "log").reverse();
  return (
    <section className="card" aria-label={t("session.log")}>
      <div className="row">
        <h2>{t("session.log")}</h2>
        <span className="grow" />
        <Checkbox label={t("session.log.only")} checked={only} onChange={(event) => setOnly(event.currentTarget.checked)} />
      </div>
      {shown.length === 0 ? (
        <span className="quiet">{t("session.log.none")}</span>
      ) : (
        <ol className="log small" tabIndex={0} aria-label={t("session.log")}>
          {shown.map((line) => (
            <li key={line.number}>
              <Time at={line.at_ms} />
              <span className="quiet">{t(`line.${line.kind}`)}</span>
              <span className="wrap mono">
                {line.session !== own && `${line.session.slice(own.length)} `}
                {line.text}
              </span>
            </li>
          ))}
        </ol>
      )}
      {(lines[0]?.number ?? 1) > 1 && <span className="quiet small">{t("session.log.cut")}</span>}
    </section>
  );
}

function SendEvent({ session }: { session: ScxmlSession }) {
  const [name, setName] = useState("");
  const [data, setData] = useState("");
  const [problem, setProblem] = useState<unknown>();
  const bad = whyNotJson(data);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setProblem(undefined);
    try {
      await sendEvent(session.id, name.trim(), data.trim() === "" ? {} : JSON.parse(data));
      toast(t("session.event.sent", { name: name.trim() }));
    } catch (error) {
      setProblem(error);
    }
  };
  return (
    <section className="card" aria-label={t("session.event")}>
      <h2>{t("session.event")}</h2>
      <form className="stack" onSubmit={(event) => void submit(event)}>
        <TextInput label={t("session.event.name")} value={name} onChange={(e) => setName(e.currentTarget.value)} spellCheck={false} autoComplete="off" />
        <Textarea
          label={t("session.event.data")}
          description={t("session.event.data.hint")}
          rows={3}
          value={data}
          onChange={(e) => setData(e.currentTarget.value)}
          classNames={{ input: "mono" }}
          spellCheck={false}
          error={bad ? t("session.event.bad", { why: bad }) : undefined}
        />
        {problem !== undefined && <ErrorNote error={problem} />}
        <div className="row end">
          <Button type="submit" disabled={name.trim() === "" || bad !== ""}>
            {t("session.event.do")}
          </Button>
        </div>
      </form>
    </section>
  );
}

function whyNotJson(text: string): string {
  if (text.trim() === "") return "";
  try {
    JSON.parse(text);
    return "";
  } catch (error) {
    return (error as Error).message;
  }
}
