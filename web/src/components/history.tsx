// What was changed at a service: who, when, which options from what to what.
import { Badge } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, good } from "../api/client";
import { t } from "../text";
import { ErrorNote } from "./notes";
import { Time } from "./time";

/** So many changes are shown at first. */
const FIRST = 5;

export function History({ service }: { service: string }) {
  const [all, setAll] = useState(false);
  const changes = useQuery({
    queryKey: ["services", "changes", service],
    queryFn: async () =>
      (await good(api.GET("/api/v1/services/{name}/changes", { params: { path: { name: service } } }))).changes,
  });
  const shown = all ? changes.data : changes.data?.slice(0, FIRST);
  return (
    <section className="card" aria-label={t("history.title")}>
      <h2>{t("history.title")}</h2>
      {changes.error && <ErrorNote error={changes.error} retry={() => void changes.refetch()} />}
      {changes.data?.length === 0 && <span className="quiet">{t("history.none")}</span>}
      <ol className="history">
        {shown?.map((change, n) => (
          <li key={n} className="tight">
            <div className="row">
              <strong>
                <Time at={change.at} />
              </strong>
              <span>{t(change.who ? "history.who" : "history.nobody", { who: change.who, address: change.address || "–" })}</span>
              <Badge variant="default" className="plain-badge">
                {t(`history.${change.how}`)}
              </Badge>
            </div>
            {change.options.length === 0 && <span className="quiet small">{t("history.no_option")}</span>}
            <ul className="report small">
              {change.options.map((option) => (
                <li key={option.name} className="wrap">
                  <span className="mono">{option.name}</span>{" "}
                  {option.before === null
                    ? t("history.set", { after: shownValue(option.after) })
                    : option.after === null
                      ? t("history.unset", { before: shownValue(option.before) })
                      : t("history.changed", { before: shownValue(option.before), after: shownValue(option.after) })}
                </li>
              ))}
            </ul>
          </li>
        ))}
      </ol>
      {!all && (changes.data?.length ?? 0) > FIRST && (
        <button type="button" className="link" onClick={() => setAll(true)}>
          {t("history.all", { n: changes.data?.length ?? 0 })}
        </button>
      )}
    </section>
  );
}

const shownValue = (value: string | null): string => (value === null || value === "" ? t("history.empty") : value);
