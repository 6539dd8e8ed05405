// What was changed at a service or a Transaction List: who, when, what from what to what.
import { Badge } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, good } from "../api/client";
import { t } from "../text";
import { ErrorNote } from "./notes";
import { Time } from "./time";

/** So many changes are shown at first. */
const FIRST = 5;

const PATHS = {
  services: "/api/v1/services/{name}/changes",
  transactions: "/api/v1/transactions/{name}/changes",
} as const;

export function History({ of, name }: { of: keyof typeof PATHS; name: string }) {
  const [all, setAll] = useState(false);
  const changes = useQuery({
    queryKey: [of, "changes", name],
    queryFn: async () => (await good(api.GET(PATHS[of], { params: { path: { name } } }))).changes,
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
            {change.options.length === 0 && <span className="quiet small">{t(of === "services" ? "history.no_option" : "history.no_section")}</span>}
            <ul className="report small">
              {change.options.map((option) => (
                <li key={option.name} className="wrap">
                  <span className="mono">{option.name}</span>{" "}
                  {told(option)}
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

function told({ name, before, after }: { name: string; before: string | null; after: string | null }): string {
  if (isSection(name)) return t(before === null ? "history.section_new" : "history.section_gone");
  if (before === null) return t("history.set", { after: shownValue(after) });
  if (after === null) return t("history.unset", { before: shownValue(before) });
  return t("history.changed", { before: shownValue(before), after: shownValue(after) });
}

/** A whole section of a list, not an entry in it. */
const isSection = (name: string) => name.startsWith("[") && name.endsWith("]");

const shownValue = (value: string | null): string => (value === null || value === "" ? t("history.empty") : value);
