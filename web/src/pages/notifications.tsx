// Notifications: deliveries with their attempts, receivers and their health, subscriptions.
import { Button, SegmentedControl, Table, Tabs, TextInput } from "@mantine/core";
import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo, useState, type FormEvent } from "react";
import { useSearchParams } from "react-router";
import { api, good } from "../api/client";
import { DeliveryList } from "../components/deliveries";
import { Dialog } from "../components/dialog";
import { Empty, ErrorNote } from "../components/notes";
import { Status } from "../components/status";
import { Time } from "../components/time";
import { title } from "../components/timeline";
import { toast, toastError } from "../components/toasts";
import { t, type TextKey } from "../text";

const STATES = ["all", "pending", "failed", "delivered"];
/** Deliveries that are read at once. */
const PAGE = 100;
/** The last deliveries that tell how receivers do. */
const JUDGED = 1000;
/** Attempts are made without an event of a callback. */
const LOOK_MS = 5000;

/** How many wait and how many were given up, in all. */
const useOverview = () =>
  useQuery({ queryKey: ["overview"], queryFn: () => good(api.GET("/api/v1/overview")), refetchInterval: LOOK_MS });

export default function Notifications() {
  const queries = useQueryClient();
  const [test, setTest] = useState(false);
  const failed = useOverview().data?.deliveries.failed ?? 0;
  const retry = async () => {
    try {
      const { retried } = await good(api.POST("/api/v1/deliveries/retry"));
      toast(t("deliveries.retried", { n: retried }));
    } catch (error) {
      toastError(error);
    }
    await Promise.all(["deliveries", "overview"].map((key) => queries.invalidateQueries({ queryKey: [key] })));
  };
  return (
    <div className="page">
      <div className="head">
        <h1>{t("nav.notifications")}</h1>
        <span className="grow" />
        {failed > 0 && (
          <Button variant="default" onClick={() => void retry()}>
            {t("deliveries.retry_all", { n: failed.toLocaleString() })}
          </Button>
        )}
        <Button onClick={() => setTest(true)}>{t("publish.title")}</Button>
      </div>
      <Tabs defaultValue="deliveries" keepMounted={false}>
        <Tabs.List>
          <Tabs.Tab value="deliveries">{t("notifications.deliveries")}</Tabs.Tab>
          <Tabs.Tab value="receivers">{t("notifications.receivers")}</Tabs.Tab>
          <Tabs.Tab value="subscriptions">{t("notifications.subscriptions")}</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="deliveries" pt="md">
          <Deliveries />
        </Tabs.Panel>
        <Tabs.Panel value="receivers" pt="md">
          <Receivers />
        </Tabs.Panel>
        <Tabs.Panel value="subscriptions" pt="md">
          <Subscriptions />
        </Tabs.Panel>
      </Tabs>
      {test && <Publish onClose={() => setTest(false)} />}
    </div>
  );
}

const readDeliveries = async (query: Record<string, string>) =>
  (await good(api.GET("/api/v1/deliveries", { params: { query } }))).deliveries;

function Deliveries() {
  const [params, setParams] = useSearchParams();
  const asked = params.get("state") ?? "all";
  const state = STATES.includes(asked) ? asked : "all";
  const [search, setSearch] = useState("");
  const counts = useOverview().data?.deliveries;
  const pages = useInfiniteQuery({
    queryKey: ["deliveries", "pages", state],
    initialPageParam: "",
    queryFn: ({ pageParam }) =>
      readDeliveries({ limit: String(PAGE), ...(state !== "all" && { state }), ...(pageParam && { before: pageParam }) }),
    getNextPageParam: (last) => (last.length < PAGE ? undefined : last[last.length - 1]?.id),
    refetchInterval: LOOK_MS,
  });
  const all = pages.data?.pages.flat() ?? [];
  const word = search.trim().toLowerCase();
  const shown = all.filter(
    (delivery) => word === "" || `${delivery.callback_id} ${delivery.event_id} ${title(delivery.event_id)} ${delivery.target}`.toLowerCase().includes(word),
  );
  const label = (one: string) => {
    const count = one === "pending" ? counts?.pending : one === "failed" ? counts?.failed : undefined;
    const name = t(`deliveries.${one}` as TextKey);
    return count === undefined ? name : `${name} (${count.toLocaleString()})`;
  };
  return (
    <div className="stack">
      <div className="row ends">
        <SegmentedControl
          aria-label={t("deliveries.state")}
          value={state}
          onChange={(next) => setParams(next === "all" ? {} : { state: next }, { replace: true })}
          data={STATES.map((value) => ({ value, label: label(value) }))}
        />
        <TextInput
          className="grow"
          aria-label={t("deliveries.search")}
          placeholder={t("deliveries.search")}
          value={search}
          onChange={(event) => setSearch(event.currentTarget.value)}
        />
      </div>
      {pages.error && <ErrorNote error={pages.error} retry={() => void pages.refetch()} />}
      {pages.data && shown.length === 0 && (
        <Empty>{all.length === 0 && state === "all" ? t("deliveries.none") : t("deliveries.no_match")}</Empty>
      )}
      <DeliveryList deliveries={shown} linked />
      <div className="row">
        {pages.hasNextPage && (
          <Button variant="default" loading={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()}>
            {t("deliveries.more")}
          </Button>
        )}
        {pages.hasNextPage && word !== "" && <span className="quiet small">{t("deliveries.searched", { n: all.length })}</span>}
      </div>
    </div>
  );
}

function Receivers() {
  const last = useQuery({
    queryKey: ["deliveries", "receivers"],
    queryFn: () => readDeliveries({ limit: String(JUDGED) }),
    refetchInterval: LOOK_MS,
  });
  const receivers = useMemo(() => {
    const by = new Map<string, { channel: string; target: string; states: Record<string, number>; ms: number[]; last: string }>();
    for (const delivery of last.data ?? []) {
      const key = `${delivery.channel} ${delivery.target}`;
      const one = by.get(key) ?? { channel: delivery.channel, target: delivery.target, states: {}, ms: [], last: "" };
      one.states[delivery.state] = (one.states[delivery.state] ?? 0) + 1;
      for (const attempt of delivery.attempts) {
        if (attempt.ms !== undefined) one.ms.push(attempt.ms);
        if ((attempt.at ?? "") > one.last) one.last = attempt.at ?? "";
      }
      by.set(key, one);
    }
    return [...by.values()].sort((a, b) => (b.states.failed ?? 0) - (a.states.failed ?? 0));
  }, [last.data]);
  if (last.error) return <ErrorNote error={last.error} retry={() => void last.refetch()} />;
  if (!last.data) return null;
  if (receivers.length === 0) return <Empty>{t("receivers.none")}</Empty>;
  const median = (numbers: number[]) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
  return (
    <div className="scroll-x" tabIndex={0} role="region" aria-label={t("notifications.receivers")}>
      <Table verticalSpacing="sm">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t("deliveries.receiver")}</Table.Th>
            <Table.Th>{t("receivers.health")}</Table.Th>
            <Table.Th className="num">{t("deliveries.delivered")}</Table.Th>
            <Table.Th className="num">{t("deliveries.pending")}</Table.Th>
            <Table.Th className="num">{t("deliveries.failed")}</Table.Th>
            <Table.Th className="num">{t("receivers.median")}</Table.Th>
            <Table.Th>{t("receivers.last")}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {receivers.map((one) => {
            const bad = (one.states.failed ?? 0) > 0;
            const late = (one.states.pending ?? 0) > 0;
            const word = bad ? "failed" : late ? "pending" : "delivered";
            return (
              <Table.Tr key={`${one.channel} ${one.target}`}>
                <Table.Td className="wrap">
                  {one.channel} <span className="mono">{one.target}</span>
                </Table.Td>
                <Table.Td>
                  <Status word={word} label={t(`receivers.${word}`)} />
                </Table.Td>
                <Table.Td className="num">{one.states.delivered ?? 0}</Table.Td>
                <Table.Td className="num">{one.states.pending ?? 0}</Table.Td>
                <Table.Td className="num">{one.states.failed ?? 0}</Table.Td>
                <Table.Td className="num">{one.ms.length > 0 ? `${median(one.ms)} ms` : "–"}</Table.Td>
                <Table.Td>
                  <Time at={one.last} />
                </Table.Td>
              </Table.Tr>
            );
          })}
        </Table.Tbody>
      </Table>
      {last.data.length === JUDGED && <span className="quiet small">{t("receivers.judged", { n: JUDGED.toLocaleString() })}</span>}
    </div>
  );
}

function Subscriptions() {
  const subscriptions = useQuery({
    queryKey: ["subscriptions"],
    queryFn: async () => (await good(api.GET("/api/v1/subscriptions"))).subscriptions,
  });
  if (subscriptions.error) return <ErrorNote error={subscriptions.error} retry={() => void subscriptions.refetch()} />;
  if (subscriptions.data?.length === 0) return <Empty>{t("subscriptions.none")}</Empty>;
  return (
    <div className="scroll-x" tabIndex={0} role="region" aria-label={t("notifications.subscriptions")}>
      <Table verticalSpacing="sm">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t("subscriptions.subscriber")}</Table.Th>
            <Table.Th>{t("subscriptions.filter")}</Table.Th>
            <Table.Th>{t("deliveries.receiver")}</Table.Th>
            <Table.Th>{t("subscriptions.expires")}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {(subscriptions.data ?? []).map((one) => (
            <Table.Tr key={one.id}>
              <Table.Td className="wrap">{one.subscriber}</Table.Td>
              <Table.Td className="mono wrap">{one.filter}</Table.Td>
              <Table.Td className="wrap">
                {one.channel} <span className="mono">{one.device}</span>
              </Table.Td>
              <Table.Td>
                <Time at={one.expires} />
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}

function Publish({ onClose }: { onClose: () => void }) {
  const queries = useQueryClient();
  const [tag, setTag] = useState("callback.test");
  const [message, setMessage] = useState("{\"test\": true}");
  const [problem, setProblem] = useState<unknown>();
  const [matched, setMatched] = useState<number>();
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setProblem(undefined);
    try {
      setMatched((await good(api.POST("/api/v1/subscriptions/publish", { body: { tag, message } }))).matched);
      await queries.invalidateQueries({ queryKey: ["deliveries"] });
    } catch (error) {
      setProblem(error);
    }
  };
  return (
    <Dialog opened onClose={onClose} title={t("publish.title")}>
      <form className="stack" onSubmit={(event) => void submit(event)}>
        <span className="quiet">{t("publish.hint")}</span>
        <TextInput label={t("publish.tag")} required data-autofocus value={tag} onChange={(event) => setTag(event.currentTarget.value)} />
        <TextInput label={t("publish.message")} required value={message} onChange={(event) => setMessage(event.currentTarget.value)} />
        {problem !== undefined && <ErrorNote error={problem} />}
        {matched !== undefined && <span role="status">{t("publish.matched", { n: matched })}</span>}
        <div className="row end">
          <Button variant="default" onClick={onClose}>
            {t("common.close")}
          </Button>
          <Button type="submit" disabled={tag === "" || message === ""}>
            {t("publish.do")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
