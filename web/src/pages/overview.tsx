// Overview: what waits, what runs, what needs a hand, and how the last hours went.
import { Alert, Table } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Suspense, lazy, type ReactNode } from "react";
import { Link } from "react-router";
import { NO_FILTER, STATES, listCallbacks } from "../api/callbacks";
import { api, good, type Schemas } from "../api/client";
import { useDeliveries } from "../api/deliveries";
import { Empty, ErrorNote } from "../components/notes";
import { Status } from "../components/status";
import { lasting } from "../components/time";
import { t } from "../text";
import { useAgents, useTrunks } from "./agents";

const Chart = lazy(() => import("../components/chart"));

const LOOK_MS = 5000;
/** So many callbacks are counted in the charts at most: one answer of the server. */
const COUNTED_MAX = 1000;

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
  const recent = useQuery({
    queryKey: ["recent"],
    queryFn: () => listCallbacks(NO_FILTER, 0, COUNTED_MAX),
    refetchInterval: LOOK_MS,
  });
  const deliveries = useDeliveries();
  return (
    <>
      <Problems now={now} failed={(deliveries.data ?? []).filter((one) => one.state === "failed").length} />
      <div className="cards">
        {STATES.map((state) => (
          <Link key={state} to={`/callbacks?state=${state}`} className="card plain" aria-label={`${t(`state.${state}` as never)}: ${now.states[state] ?? 0}`}>
            <span className="figure">{(now.states[state] ?? 0).toLocaleString()}</span>
            <span className="quiet">{t(`state.${state}` as never)}</span>
          </Link>
        ))}
        <div className="card">
          <span className="figure">{now.legs}</span>
          <span className="quiet">{t("overview.legs")}</span>
        </div>
      </div>
      <div className="columns">
        <Queues now={now} />
        <AgentStates />
      </div>
      <div className="columns">
        <ChartCard title={t("overview.callbacks")} hint={(recent.data?.length ?? 0) >= COUNTED_MAX ? t("overview.last_1000") : t("overview.per_10_min")}>
          {recent.error && <ErrorNote error={recent.error} />}
          {recent.data?.length === 0 && <Empty>{t("callbacks.none")}</Empty>}
          {recent.data && recent.data.length > 0 && (
            <Chart
              label={t("overview.callbacks")}
              minutes={10}
              series={[
                { name: t("overview.connected"), at: recent.data.filter((one) => one._callback_reason === "AGENT_CONNECTED").map((one) => one._rb_created ?? "") },
                { name: t("overview.others"), at: recent.data.filter((one) => one._callback_reason !== "AGENT_CONNECTED").map((one) => one._rb_created ?? "") },
              ]}
            />
          )}
        </ChartCard>
        <ChartCard title={t("overview.deliveries")} hint={t("overview.per_minute")}>
          {deliveries.error && <ErrorNote error={deliveries.error} />}
          {deliveries.data?.length === 0 && <Empty>{t("deliveries.none")}</Empty>}
          {deliveries.data && deliveries.data.length > 0 && (
            <Chart
              label={t("overview.deliveries")}
              minutes={1}
              series={[
                { name: t("overview.good"), at: deliveries.data.flatMap((one) => one.attempts.filter((a) => !a.error).map((a) => a.at ?? "")) },
                { name: t("overview.bad"), at: deliveries.data.flatMap((one) => one.attempts.filter((a) => a.error).map((a) => a.at ?? "")) },
              ]}
            />
          )}
        </ChartCard>
      </div>
    </>
  );
}

function ChartCard({ title, hint, children }: { title: string; hint: string; children: ReactNode }) {
  return (
    <section className="card" aria-label={title}>
      <h2>{title}</h2>
      <span className="quiet small">{hint}</span>
      <Suspense fallback={<div className="chart" />}>{children}</Suspense>
    </section>
  );
}

function Problems({ now, failed }: { now: Schemas["Overview"]; failed: number }) {
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
    problems.push({ text: t("problem.nobody", { n: waiting }), to: "/agents" });
  if (failed > 0) problems.push({ text: t("problem.deliveries", { n: failed }), to: "/notifications" });
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
                <Table.Td className="num">{queue.waiting}</Table.Td>
                <Table.Td className="num">{lasting(Date.parse(now.now) - Date.parse(queue.oldest))}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
      {!now.queues_complete && <span className="quiet small">{t("overview.first_1000")}</span>}
    </section>
  );
}

function AgentStates() {
  const agents = useAgents();
  const counts = new Map<string, number>();
  for (const agent of agents.data ?? []) counts.set(agent.state, (counts.get(agent.state) ?? 0) + 1);
  return (
    <section className="card" aria-label={t("overview.agents")}>
      <h2>
        <Link to="/agents">{t("overview.agents")}</Link>
      </h2>
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
