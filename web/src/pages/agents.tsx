// Agents and trunks: states, registration, groups; set ready or not ready.
import { Button, Table, TextInput } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useSearchParams } from "react-router";
import { api, asText, good, report, type Agent } from "../api/client";
import { Dialog } from "../components/dialog";
import { ImportDialog } from "../components/import";
import { Empty, ErrorNote } from "../components/notes";
import { Status } from "../components/status";
import { lasting } from "../components/time";
import { toast, toastError } from "../components/toasts";
import { t, tOr } from "../text";

/** Registrations and trunks change without an event of a callback. */
const LOOK_MS = 5000;

export const useAgents = () =>
  useQuery({
    queryKey: ["agents"],
    queryFn: async () => (await good(api.GET("/api/v1/agents"))).agents,
    refetchInterval: LOOK_MS,
  });

export const useTrunks = () =>
  useQuery({
    queryKey: ["trunks"],
    queryFn: async () => (await good(api.GET("/api/v1/trunks"))).trunks,
    refetchInterval: LOOK_MS,
  });

export default function Agents() {
  const agents = useAgents();
  const queries = useQueryClient();
  const [params] = useSearchParams();
  const [search, setSearch] = useState(params.get("find") ?? "");
  const [importing, setImporting] = useState(false);
  const word = search.trim().toLowerCase();
  const shown = (agents.data ?? []).filter((agent) =>
    `${agent.id} ${agent.extension} ${agent.groups.join(" ")} ${agent.state}`.toLowerCase().includes(word),
  );
  return (
    <div className="page">
      <div className="head">
        <h1>{t("nav.agents")}</h1>
        <span className="grow" />
        <Button variant="default" onClick={() => setImporting(true)}>
          {t("agents.import")}
        </Button>
      </div>
      <Trunks />
      <section className="card" aria-label={t("agents.title")}>
        <h2>{t("agents.title")}</h2>
        {agents.error && <ErrorNote error={agents.error} retry={() => void agents.refetch()} />}
        {agents.data?.length === 0 && <Empty>{t("agents.none")}</Empty>}
        {agents.data && agents.data.length > 0 && (
          <>
            <TextInput
              aria-label={t("agents.search")}
              placeholder={t("agents.search")}
              value={search}
              onChange={(event) => setSearch(event.currentTarget.value)}
            />
            {shown.length === 0 ? <Empty>{t("agents.no_match")}</Empty> : <AgentTable agents={shown} />}
          </>
        )}
      </section>
      {importing && (
        <ImportDialog
          title={t("agents.import")}
          hint={t("agents.import.hint")}
          accept=".ini,.cfg,.txt,text/plain"
          what={(answer) => String((answer as { agents?: unknown[] }).agents?.length ?? 0)}
          run={(text, mode) =>
            report(
              api.POST("/api/v1/agents/import", {
                params: { query: { dry_run: String(mode.dry_run), strict: String(mode.strict) } },
                body: text,
                ...asText,
              }),
            )
          }
          onDone={(answer) => {
            toast(t("agents.imported", { n: (answer as { agents?: unknown[] }).agents?.length ?? 0 }));
            void queries.invalidateQueries({ queryKey: ["agents"] });
            setImporting(false);
          }}
          onClose={() => setImporting(false)}
        />
      )}
    </div>
  );
}

function AgentTable({ agents }: { agents: Agent[] }) {
  const queries = useQueryClient();
  const [asked, setAsked] = useState<string>();
  const set = async (id: string, body: { state: "ready" | "not_ready"; reason?: string }) => {
    try {
      await good(api.POST("/api/v1/agents/{id}/state", { params: { path: { id } }, body }));
      toast(t(body.state === "ready" ? "agents.now_ready" : "agents.now_not_ready", { id }));
    } catch (error) {
      toastError(error);
    }
    setAsked(undefined);
    await queries.invalidateQueries({ queryKey: ["agents"] });
  };
  return (
    <div className="scroll-x" tabIndex={0} role="region" aria-label={t("agents.title")}>
      <Table verticalSpacing="xs">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t("agents.id")}</Table.Th>
            <Table.Th>{t("agents.state")}</Table.Th>
            <Table.Th>{t("agents.phone")}</Table.Th>
            <Table.Th>{t("agents.groups")}</Table.Th>
            <Table.Th>{t("agents.skills")}</Table.Th>
            <Table.Th>{t("agents.call")}</Table.Th>
            <Table.Th aria-label={t("deliveries.actions")} />
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {agents.map((agent) => (
            <Table.Tr key={agent.id}>
              <Table.Td>{agent.id}</Table.Td>
              <Table.Td>
                <span className="row">
                  <Status word={agent.state} label={tOr(`agent_state.${agent.state}`, agent.state)} />
                  <span className="quiet small">
                    {agent.since ? lasting(Date.now() - agent.since) : ""}
                    {agent.reason ? ` · ${agent.reason}` : ""}
                  </span>
                </span>
              </Table.Td>
              <Table.Td>
                {agent.extension}{" "}
                <Status word={agent.registered ? "up" : "down"} label={t(agent.registered ? "agents.registered" : "agents.unregistered")} />
              </Table.Td>
              <Table.Td className="wrap">{agent.groups.join(", ") || "–"}</Table.Td>
              <Table.Td className="wrap">
                {Object.entries(agent.skills ?? {})
                  .map(([skill, level]) => `${skill} ${level}`)
                  .join(", ") || "–"}
              </Table.Td>
              <Table.Td>
                {agent.call_id ? <Link to={`/callbacks/${encodeURIComponent(agent.call_id)}`}>{t("agents.show_call")}</Link> : "–"}
              </Table.Td>
              <Table.Td>
                <div className="row end">
                  {agent.state === "not_ready" ? (
                    <Button size="compact-xs" variant="default" onClick={() => void set(agent.id, { state: "ready" })}>
                      {t("agents.set_ready")}
                    </Button>
                  ) : (
                    <Button size="compact-xs" variant="default" onClick={() => setAsked(agent.id)}>
                      {t("agents.set_not_ready")}
                    </Button>
                  )}
                </div>
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      {asked && <NotReady id={asked} onClose={() => setAsked(undefined)} onDo={(reason) => void set(asked, { state: "not_ready", reason })} />}
    </div>
  );
}

function NotReady({ id, onClose, onDo }: { id: string; onClose: () => void; onDo: (reason: string) => void }) {
  const [reason, setReason] = useState("");
  return (
    <Dialog opened onClose={onClose} title={t("agents.not_ready.title", { id })}>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          onDo(reason.trim());
        }}
      >
        <TextInput label={t("agents.reason")} data-autofocus value={reason} maxLength={200} onChange={(event) => setReason(event.currentTarget.value)} />
        <div className="row end">
          <Button variant="default" onClick={onClose}>
            {t("common.cancel")}
          </Button>
          <Button type="submit">{t("agents.set_not_ready")}</Button>
        </div>
      </form>
    </Dialog>
  );
}

function Trunks() {
  const trunks = useTrunks();
  return (
    <section className="card" aria-label={t("trunks.title")}>
      <h2>{t("trunks.title")}</h2>
      {trunks.error && <ErrorNote error={trunks.error} retry={() => void trunks.refetch()} />}
      {trunks.data?.length === 0 && <Empty>{t("trunks.none")}</Empty>}
      {trunks.data && trunks.data.length > 0 && (
        <div className="scroll-x" tabIndex={0} role="region" aria-label={t("trunks.title")}>
          <Table verticalSpacing="xs">
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{t("trunks.name")}</Table.Th>
                <Table.Th>{t("trunks.state")}</Table.Th>
                <Table.Th>{t("trunks.why")}</Table.Th>
                <Table.Th className="num">{t("trunks.calls")}</Table.Th>
                <Table.Th className="num">{t("trunks.failures")}</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {trunks.data.map((trunk) => (
                <Table.Tr key={trunk.name}>
                  <Table.Td>{trunk.name}</Table.Td>
                  <Table.Td>
                    <Status word={trunk.up ? "up" : "down"} label={t(trunk.up ? "trunks.up" : "trunks.down")} />{" "}
                    <span className="quiet small">{lasting(trunk.for_ms)}</span>
                  </Table.Td>
                  <Table.Td>
                    {tOr(`trunk_reason.${trunk.reason}`, trunk.reason)}
                    {trunk.retry_in_ms ? ` · ${t("trunks.retry", { time: lasting(trunk.retry_in_ms) })}` : ""}
                  </Table.Td>
                  <Table.Td className="num">
                    {trunk.calls}
                    {trunk.max_calls > 0 ? ` / ${trunk.max_calls}` : ""}
                  </Table.Td>
                  <Table.Td className="num">{trunk.failures}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </div>
      )}
    </section>
  );
}
