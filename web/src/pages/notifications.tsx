// Notifications: deliveries with their attempts, receivers and their health, subscriptions.
import { Button, SegmentedControl, Table, Tabs, TextInput } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo, useState, type FormEvent } from "react";
import { api, good, type Delivery } from "../api/client";
import { useDeliveries } from "../api/deliveries";
import { DeliveryList } from "../components/deliveries";
import { Dialog } from "../components/dialog";
import { Empty, ErrorNote } from "../components/notes";
import { Status } from "../components/status";
import { Time } from "../components/time";
import { toast, toastError } from "../components/toasts";
import { t, type TextKey } from "../text";

const STATES = ["all", "pending", "failed", "delivered"];
const SHOWN_AT_ONCE = 50;

export default function Notifications() {
  const queries = useQueryClient();
  const [test, setTest] = useState(false);
  const all = useDeliveries();
  const failed = (all.data ?? []).filter((delivery) => delivery.state === "failed").length;
  const retry = async () => {
    try {
      const { retried } = await good(api.POST("/api/v1/deliveries/retry"));
      toast(t("deliveries.retried", { n: retried }));
    } catch (error) {
      toastError(error);
    }
    await queries.invalidateQueries({ queryKey: ["deliveries"] });
  };
  return (
    <div className="page">
      <div className="head">
        <h1>{t("nav.notifications")}</h1>
        <span className="grow" />
        {failed > 0 && (
          <Button variant="default" onClick={() => void retry()}>
            {t("deliveries.retry_all")}
          </Button>
        )}
        <Button onClick={() => setTest(true)}>{t("publish.title")}</Button>
      </div>
      {all.error && <ErrorNote error={all.error} retry={() => void all.refetch()} />}
      <Tabs defaultValue="deliveries" keepMounted={false}>
        <Tabs.List>
          <Tabs.Tab value="deliveries">{t("notifications.deliveries")}</Tabs.Tab>
          <Tabs.Tab value="receivers">{t("notifications.receivers")}</Tabs.Tab>
          <Tabs.Tab value="subscriptions">{t("notifications.subscriptions")}</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="deliveries" pt="md">
          {all.data && <Deliveries all={all.data} />}
        </Tabs.Panel>
        <Tabs.Panel value="receivers" pt="md">
          {all.data && <Receivers all={all.data} />}
        </Tabs.Panel>
        <Tabs.Panel value="subscriptions" pt="md">
          <Subscriptions />
        </Tabs.Panel>
      </Tabs>
      {test && <Publish onClose={() => setTest(false)} />}
    </div>
  );
}

function Deliveries({ all }: { all: Delivery[] }) {
  const [state, setState] = useState("all");
  const [search, setSearch] = useState("");
  const [pages, setPages] = useState(1);
  const word = search.trim().toLowerCase();
  const shown = all.filter(
    (delivery) =>
      (state === "all" || delivery.state === state) &&
      (word === "" || `${delivery.callback_id} ${delivery.event_id} ${delivery.target}`.toLowerCase().includes(word)),
  );
  const count = (one: string) => (one === "all" ? all.length : all.filter((delivery) => delivery.state === one).length);
  return (
    <div className="stack">
      <div className="row ends">
        <SegmentedControl
          aria-label={t("deliveries.state")}
          value={state}
          onChange={setState}
          data={STATES.map((value) => ({ value, label: `${t(`deliveries.${value}` as TextKey)} (${count(value)})` }))}
        />
        <TextInput
          className="grow"
          aria-label={t("deliveries.search")}
          placeholder={t("deliveries.search")}
          value={search}
          onChange={(event) => setSearch(event.currentTarget.value)}
        />
      </div>
      {shown.length === 0 && <Empty>{all.length === 0 ? t("deliveries.none") : t("deliveries.no_match")}</Empty>}
      <DeliveryList deliveries={shown.slice(0, pages * SHOWN_AT_ONCE)} linked />
      {shown.length > pages * SHOWN_AT_ONCE && (
        <Button variant="default" onClick={() => setPages(pages + 1)}>
          {t("deliveries.more", { n: shown.length - pages * SHOWN_AT_ONCE })}
        </Button>
      )}
      {all.length >= 1000 && <span className="quiet small">{t("deliveries.last_1000")}</span>}
    </div>
  );
}

function Receivers({ all }: { all: Delivery[] }) {
  const receivers = useMemo(() => {
    const by = new Map<string, { channel: string; target: string; states: Record<string, number>; ms: number[]; last: string }>();
    for (const delivery of all) {
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
  }, [all]);
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
