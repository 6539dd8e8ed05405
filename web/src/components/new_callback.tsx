// Requests a callback: service, number, time, attached data.
import { Button, Select, TextInput, Textarea } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { useNavigate } from "react-router";
import { iso } from "../api/callbacks";
import { Refusal, api, good } from "../api/client";
import { useServices } from "../api/services";
import { pairsOf } from "../pairs";
import { t } from "../text";
import { Dialog } from "./dialog";
import { ErrorNote } from "./notes";
import { toast } from "./toasts";

export function NewCallback({ onClose }: { onClose: () => void }) {
  const services = useServices();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const [chosen, setChosen] = useState<string | null>(null);
  const [number, setNumber] = useState("");
  const [time, setTime] = useState("");
  const [data, setData] = useState("");
  const [problem, setProblem] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const names = (services.data ?? []).filter((one) => one.options._service === "callback").map((one) => one.name);
  const service = chosen ?? names[0] ?? null;
  const { pairs: attached, bad } = pairsOf(data);
  const field = problem instanceof Refusal ? problem.field : undefined;
  const at = (name: string) => (field === name ? (problem as Refusal).message : undefined);
  const known = ["_customer_number", "_desired_time", "service"].includes(field ?? "");
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (!service) return;
    setBusy(true);
    setProblem(undefined);
    try {
      const body = { ...attached, _customer_number: number.trim(), ...(time ? { _desired_time: iso(time) } : {}) };
      const made = await good(api.POST("/api/v1/callbacks", { params: { query: { service } }, body }));
      toast(t("callbacks.made"));
      void queries.invalidateQueries({ queryKey: ["callbacks"] });
      void navigate(`/callbacks/${encodeURIComponent(made._id)}`);
    } catch (error) {
      setProblem(error);
    }
    setBusy(false);
  };
  return (
    <Dialog opened onClose={onClose} title={t("callbacks.new")}>
      <form className="stack" onSubmit={(event) => void submit(event)}>
        <Select label={t("callbacks.service")} data={names} value={service} onChange={setChosen} allowDeselect={false} withScrollArea={false} error={at("service")} required />
        <TextInput
          label={t("callbacks.number")}
          description={t("callbacks.number.hint")}
          data-autofocus
          required
          value={number}
          onChange={(event) => setNumber(event.currentTarget.value)}
          error={at("_customer_number")}
          inputMode="tel"
        />
        <TextInput
          type="datetime-local"
          label={t("callbacks.time")}
          description={t("callbacks.time.hint")}
          value={time}
          onChange={(event) => setTime(event.currentTarget.value)}
          error={at("_desired_time")}
        />
        <Textarea
          label={t("callbacks.data")}
          description={t("callbacks.data.hint")}
          rows={3}
          value={data}
          onChange={(event) => setData(event.currentTarget.value)}
          error={bad === undefined ? undefined : t("common.no_pair", { line: bad })}
        />
        {problem !== undefined && !known && <ErrorNote error={problem} />}
        <div className="row end">
          <Button variant="default" onClick={onClose}>
            {t("common.cancel")}
          </Button>
          <Button type="submit" loading={busy} disabled={!service || number.trim() === "" || bad !== undefined}>
            {t("callbacks.make")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
