// "Try it": a test callback to a number, with its timeline beside.
import { Button, TextInput } from "@mantine/core";
import { useState, type FormEvent } from "react";
import { Link } from "react-router";
import { api, good } from "../api/client";
import { t } from "../text";
import { ErrorNote } from "./notes";
import { CallbackTimeline } from "./timeline";

export function TryIt({ service, disabled }: { service: string; disabled: boolean }) {
  const [number, setNumber] = useState("");
  const [id, setId] = useState("");
  const [problem, setProblem] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setProblem(undefined);
    try {
      const body = { _customer_number: number.trim() };
      const made = await good(api.POST("/api/v1/callbacks", { params: { query: { service } }, body }));
      setId(made._id);
    } catch (error) {
      setProblem(error);
    }
    setBusy(false);
  };
  return (
    <div className="columns try">
      <section className="card" aria-label={t("try.title")}>
        <h2>{t("try.title")}</h2>
        <span className="quiet">{disabled ? t("try.save_first") : t("try.hint")}</span>
        <form className="stack" onSubmit={(event) => void submit(event)}>
          <TextInput
            label={t("try.number")}
            placeholder="+12025550101"
            value={number}
            onChange={(event) => setNumber(event.currentTarget.value)}
            inputMode="tel"
          />
          <div className="row end">
            <Button type="submit" loading={busy} disabled={disabled || number.trim() === ""}>
              {t("try.do")}
            </Button>
          </div>
        </form>
        {problem !== undefined && <ErrorNote error={problem} />}
      </section>
      <section className="card" aria-label={t("try.timeline")}>
        <div className="row">
          <h2>{t("try.timeline")}</h2>
          <span className="grow" />
          {id && <Link to={`/callbacks/${encodeURIComponent(id)}`}>{t("try.open")}</Link>}
        </div>
        {id ? <CallbackTimeline id={id} /> : <span className="quiet">{t("try.nothing")}</span>}
      </section>
    </div>
  );
}
