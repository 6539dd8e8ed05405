// Overview: what waits, what runs, what needs a hand, and how the last hours went.
import { Alert, SegmentedControl, Table } from "@mantine/core";
import { useLocalStorage } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { Suspense, lazy, type ReactNode } from "react";
import { Link } from "react-router";
import { STATES } from "../api/callbacks";
import { api, good, type Schemas } from "../api/client";
import { Empty, ErrorNote } from "../components/notes";
import { Status } from "../components/status";
import { lasting, when } from "../components/time";
import { t } from "../text";
import { useAgents, useTrunks } from "./agents";

const Chart = lazy(() => import("../components/chart"));

const LOOK_MS = 5000;
const CHARTS_MS = 15_000;
/** What the charts may show: so many spans of so many minutes. */
const WINDOWS = { hour: [2, 30], hours: [10, 18], half_day: [30, 24] } as const;
type Window = keyof typeof WINDOWS;

export default function Overview() {
  const overview = useQuery({
    queryKey: ["overview"],
    queryFn: () => good(api.GET("/api/v1/overview")),
    refetchInterval: LOOK_MS,
  });
  return (
    <div className="page">
      <div className="head">
        <h1>{t("nav.overview")}</h1>
      </div>
      {overview.error && <ErrorNote error={overview.error} retry={() => void overview.refetch()} />}
      {overview.data && <Inside now={overview.data} />}
    </div>
  );
}

function Inside({ now }: { now: Schemas["Overview"] }) {
  return (
    <>
      <Problems now={now} />
      <div className="cards">
        {STATES.map((state) => (
          <Link key={state} to={`/callbacks?state=${state}`} className="card plain" aria-label={`${t(`state.${state}` as never)}: ${now.states[state] ?? 0}`}>
            <span className="figure">{(now.states[state] ?? 0).toLocaleString()}</span>
            <span className="quiet">{t(`state.${state}` as never)}</span>
          </Link>
        ))}
        <div className="card">
          <span className="figure">{now.legs.toLocaleString()}</span>
          <span className="quiet">{t("overview.legs")}</span>
        </div>
        <Link to="/notifications" className="card plain" aria-label={`${t("overview.last_minute")}: ${now.deliveries.last_minute}`}>
          <span className="figure">{now.deliveries.last_minute.toLocaleString()}</span>
          <span className="quiet">{t("overview.last_minute")}</span>
        </Link>
      </div>
      <div className="columns">
        <Queues now={now} />
        <AgentStates />
      </div>
      <Charts />
    </>
  );
}

/** How the last hours went, as the server counted them. */
function Charts() {
  const [shown, setShown] = useLocalStorage<Window>({ key: "overview.window", defaultValue: "hours", getInitialValueInEffect: false });
  const [minutes, spans] = WINDOWS[shown] ?? WINDOWS.hours;
  const activity = useQuery({
    queryKey: ["activity", minutes, spans],
    queryFn: () => good(api.GET("/api/v1/activity", { params: { query: { minutes: String(minutes), spans: String(spans) } } })),
    placeholderData: (before) => before,
    refetchInterval: CHARTS_MS,
  });
  const all = activity.data?.spans ?? [];
  const at = all.map((span) => span.at);
  const first = at[0];
  // Before the start nothing was counted: that is no quiet time.
  const young = first !== undefined && activity.data !== undefined && first < activity.data.since;
  const hint = young ? t("overview.since", { time: when(activity.data.since) }) : t("overview.per", { n: minutes });
  return (
    <section className="stack" aria-label={t("overview.charts")}>
      <div className="head">
        <h2>{t("overview.charts")}</h2>
        <span className="quiet small">{activity.data && hint}</span>
        <span className="grow" />
        <SegmentedControl
          size="xs"
          aria-label={t("overview.window")}
          value={shown}
          onChange={(next) => setShown(next as Window)}
          data={Object.keys(WINDOWS).map((value) => ({ value, label: t(`overview.window.${value as Window}`) }))}
        />
      </div>
      {activity.error && <ErrorNote error={activity.error} retry={() => void activity.refetch()} />}
      {activity.data && (
        <div className="columns">
          <ChartCard title={t("overview.callbacks")}>
            <Chart
              label={t("overview.callbacks")}
              at={at}
              stacked={false}
              series={[
                { name: t("overview.connected"), counts: all.map((span) => span.connected) },
                { name: t("overview.others"), counts: all.map((span) => span.ended_otherwise) },
                { name: t("overview.requested"), counts: all.map((span) => span.requested) },
              ]}
            />
          </ChartCard>
          <ChartCard title={t("overview.deliveries")}>
            <Chart
              label={t("overview.deliveries")}
              at={at}
              stacked
              series={[
                { name: t("overview.good"), counts: all.map((span) => span.taken) },
                { name: t("overview.bad"), counts: all.map((span) => span.not_taken) },
              ]}
            />
          </ChartCard>
        </div>
      )}
    </section>
  );
}

function ChartCard({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="card" aria-label={title}>
      <h3>{title}</h3>
      <Suspense fallback={<div className="chart" />}>{children}</Suspense>
    </section>
  );
}

function Problems({ now }: { now: Schemas["Overview"] }) {
  const failed = now.deliveries.failed;
  const trunks = useTrunks();
  const agents = useAgents();
  const problems: { text: string; to: string }[] = [];
  if (!now.store) problems.push({ text: t("problem.store"), to: "" });
  if (now.draining) problems.push({ text: t("problem.draining"), to: "" });
  for (const trunk of trunks.data ?? []) if (!trunk.up) problems.push({ text: t("problem.trunk", { name: trunk.name }), to: "/agents" });
  if (trunks.data?.length === 0) problems.push({ text: t("problem.no_trunk"), to: "/agents" });
  const lost = (agents.data ?? []).filter((agent) => agent.state === "ready" && !agent.registered);
  if (lost.length > 0) problems.push({ text: t("problem.phones", { names: lost.map((agent) => agent.id).join(", ") }), to: "/agents" });
  const waiting = now.queues.reduce((sum, queue) => sum + queue.waiting, 0);
  if (waiting > 0 && agents.data && !agents.data.some((agent) => agent.state !== "not_ready"))
    problems.push({ text: t("problem.nobody", { n: waiting.toLocaleString() }), to: "/agents" });
  if (failed > 0) problems.push({ text: t("problem.deliveries", { n: failed.toLocaleString() }), to: "/notifications?state=failed" });
  if (problems.length === 0) return <Alert color="green" title={t("overview.well")} />;
  return (
    <Alert color="orange" title={t("overview.problems", { n: problems.length })}>
      <ul className="report">
        {problems.map((problem) => (
          <li key={problem.text}>{problem.to ? <Link to={problem.to}>{problem.text}</Link> : problem.text}</li>
        ))}
      </ul>
    </Alert>
  );
}

function Queues({ now }: { now: Schemas["Overview"] }) {
  return (
    <section className="card" aria-label={t("overview.queues")}>
      <h2>{t("overview.queues")}</h2>
      {now.queues.length === 0 && <Empty>{t("overview.no_queue")}</Empty>}
      {now.queues.length > 0 && (
        <Table>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t("services.queue")}</Table.Th>
              <Table.Th className="num">{t("overview.waiting")}</Table.Th>
              <Table.Th className="num">{t("overview.oldest")}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {now.queues.map((queue) => (
              <Table.Tr key={queue.name}>
                <Table.Td className="wrap">{queue.name}</Table.Td>
                <Table.Td className="num">{queue.waiting.toLocaleString()}</Table.Td>
                <Table.Td className="num">{lasting(Date.parse(now.now) - Date.parse(queue.oldest))}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
    </section>
  );
}

function AgentStates() {
  const agents = useAgents();
  const counts = new Map<string, number>();
  for (const agent of agents.data ?? []) counts.set(agent.state, (counts.get(agent.state) ?? 0) + 1);
  return (
    <section className="card" aria-label={t("overview.agents")}>
      <div className="row">
        <h2>{t("overview.agents")}</h2>
        <span className="grow" />
        <Link to="/agents">{t("nav.agents")}</Link>
      </div>
      {agents.error && <ErrorNote error={agents.error} />}
      {agents.data?.length === 0 && <Empty>{t("agents.none")}</Empty>}
      <div className="row">
        {[...counts].map(([state, n]) => (
          <Status key={state} word={state} label={`${t(`agent_state.${state}` as never)} ${n}`} />
        ))}
      </div>
    </section>
  );
}
