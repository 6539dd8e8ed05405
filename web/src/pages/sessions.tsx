// Sessions: which SCXML sessions run, where they stand; start one.
import { Button, Table, TextInput, Textarea } from "@mantine/core";
import { useEffect, useState, type FormEvent } from "react";
import { Link, useNavigate } from "react-router";
import type { ScxmlSession } from "../api/client";
import { startSession, titleOf, useSessionChanges, useSessions } from "../api/sessions";
import { Dialog } from "../components/dialog";
import { Empty, ErrorNote } from "../components/notes";
import { Status } from "../components/status";
import { lasting } from "../components/time";
import { toast } from "../components/toasts";
import { pairsOf } from "../pairs";
import { t } from "../text";

export default function Sessions() {
  useSessionChanges();
  const sessions = useSessions();
  const [search, setSearch] = useState("");
  const [starting, setStarting] = useState(false);
  const word = search.trim().toLowerCase();
  const shown = (sessions.data ?? []).filter((one) =>
    `${one.id} ${one.name ?? ""} ${one.document ?? ""} ${one.active.join(" ")} ${one.callback_id ?? ""} ${one.state}`
      .toLowerCase()
      .includes(word),
  );
  const live = (sessions.data ?? []).filter((one) => one.state !== "ended").length;
  return (
    <div className="page">
      <div className="head">
        <h1>{t("nav.sessions")}</h1>
        <span className="quiet" role="status">
          {sessions.data ? t("sessions.live", { n: live }) : ""}
        </span>
        <span className="grow" />
        <Button onClick={() => setStarting(true)}>{t("sessions.start")}</Button>
      </div>
      {sessions.error && <ErrorNote error={sessions.error} retry={() => void sessions.refetch()} />}
      {sessions.data?.length === 0 && <Empty>{t("sessions.none")}</Empty>}
      {sessions.data && sessions.data.length > 0 && (
        <>
          <TextInput
            aria-label={t("sessions.search")}
            placeholder={t("sessions.search")}
            value={search}
            onChange={(event) => setSearch(event.currentTarget.value)}
          />
          {shown.length === 0 ? <Empty>{t("sessions.no_match")}</Empty> : <List sessions={shown} />}
        </>
      )}
      {starting && <StartSession onClose={() => setStarting(false)} />}
    </div>
  );
}

/** Ages go on by themselves. */
export function useTick(ms: number): void {
  const [, set] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => set((n) => n + 1), ms);
    return () => clearInterval(timer);
  }, [ms]);
}

export const ageOf = (session: ScxmlSession) =>
  session.state === "ended" ? session.age_ms : Math.max(session.age_ms, Date.now() - session.made_ms);

function List({ sessions }: { sessions: ScxmlSession[] }) {
  useTick(1000);
  return (
    <div className="scroll-x" tabIndex={0} role="region" aria-label={t("sessions.list")}>
      <Table verticalSpacing="xs">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t("sessions.document")}</Table.Th>
            <Table.Th>{t("sessions.state")}</Table.Th>
            <Table.Th>{t("sessions.active")}</Table.Th>
            <Table.Th>{t("sessions.callback")}</Table.Th>
            <Table.Th className="num">{t("sessions.age")}</Table.Th>
            <Table.Th className="num">{t("sessions.events")}</Table.Th>
            <Table.Th className="num">{t("sessions.queue")}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {sessions.map((one) => (
            <Table.Tr key={one.id}>
              <Table.Td className="wrap">
                <div className="tight">
                  <Link to={`/sessions/${encodeURIComponent(one.id)}`}>{titleOf(one) || one.id}</Link>
                  <span className="mono quiet">{one.id}</span>
                </div>
              </Table.Td>
              <Table.Td>
                <Status word={one.state} label={t(`session_state.${one.state}`)} />
              </Table.Td>
              <Table.Td className="wrap">{one.active.join(", ") || "–"}</Table.Td>
              <Table.Td>
                {one.callback_id ? (
                  <Link to={`/callbacks/${encodeURIComponent(one.callback_id)}`}>{t("sessions.show_callback")}</Link>
                ) : (
                  "–"
                )}
              </Table.Td>
              <Table.Td className="num">{lasting(ageOf(one))}</Table.Td>
              <Table.Td className="num">{one.events ?? 0}</Table.Td>
              <Table.Td className="num">{one.queue}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}

function StartSession({ onClose }: { onClose: () => void }) {
  const navigate = useNavigate();
  const [src, setSrc] = useState("");
  const [params, setParams] = useState("");
  const [problem, setProblem] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const { pairs, bad } = pairsOf(params);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setProblem(undefined);
    try {
      const id = await startSession(src.trim(), pairs);
      toast(t("sessions.started"));
      void navigate(`/sessions/${encodeURIComponent(id)}`);
    } catch (error) {
      setProblem(error);
      setBusy(false);
    }
  };
  return (
    <Dialog opened onClose={onClose} title={t("sessions.start")}>
      <form className="stack" onSubmit={(event) => void submit(event)}>
        <TextInput
          label={t("sessions.start.src")}
          placeholder="http://scripts.example/plugin.scxml"
          required
          data-autofocus
          value={src}
          onChange={(event) => setSrc(event.currentTarget.value)}
        />
        <Textarea
          label={t("sessions.start.params")}
          description={t("sessions.start.params.hint")}
          rows={3}
          value={params}
          onChange={(event) => setParams(event.currentTarget.value)}
          error={bad === undefined ? undefined : t("common.no_pair", { line: bad })}
          classNames={{ input: "mono" }}
          spellCheck={false}
        />
        {problem !== undefined && <ErrorNote error={problem} />}
        <div className="row end">
          <Button variant="default" onClick={onClose}>
            {t("common.cancel")}
          </Button>
          <Button type="submit" loading={busy} disabled={src.trim() === "" || bad !== undefined}>
            {t("sessions.start.do")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
