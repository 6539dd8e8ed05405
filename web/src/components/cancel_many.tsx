// Cancels many callbacks: first the count, then the deed, then what came of it.
import { Alert, Button, Loader, Progress } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { cancelMany, cancelMatching, openNow, type Cancelled, type Filter } from "../api/callbacks";
import { t } from "../text";
import { Dialog } from "./dialog";
import { ErrorNote } from "./notes";

interface Props {
  /** These; without them everything that matches the filter. */
  ids: string[] | undefined;
  filter: Filter;
  onClose: (done: boolean) => void;
}

export function CancelMany({ ids, filter, onClose }: Props) {
  const queries = useQueryClient();
  const found = useQuery({
    queryKey: ["cancel", filter],
    queryFn: () => openNow(filter),
    enabled: ids === undefined,
    gcTime: 0,
    staleTime: Infinity,
  });
  const [done, setDone] = useState<number>();
  const [result, setResult] = useState<Cancelled>();
  const [problem, setProblem] = useState<unknown>();
  const all = ids ?? found.data?.ids;
  const go = async () => {
    setDone(0);
    try {
      if (ids) setResult(await cancelMany(ids, setDone));
      else if (found.data) setResult(await cancelMatching(filter, found.data, setDone));
    } catch (error) {
      setProblem(error);
    }
    setDone(undefined);
    await queries.invalidateQueries({ queryKey: ["callbacks"] });
  };
  return (
    <Dialog opened onClose={() => onClose(result !== undefined)} title={t("cancel.title")}>
      <div className="stack">
        {found.error && <ErrorNote error={found.error} />}
        {!all && !found.error && (
          <span className="row">
            <Loader size="xs" aria-label={t("common.loading")} /> {t("cancel.counting")}
          </span>
        )}
        {all && !result && (
          <span>{all.length === 0 ? t("cancel.none") : t("cancel.question", { n: all.length.toLocaleString() })}</span>
        )}
        {done !== undefined && all && (
          <Progress value={Math.min(100, (100 * done) / Math.max(1, all.length))} aria-label={t("cancel.progress")} />
        )}
        {problem !== undefined && <ErrorNote error={problem} />}
        {result && (
          <Alert color={result.refused.length > 0 ? "orange" : "green"} title={t("cancel.done", { n: result.cancelled })}>
            {result.refused.length > 0 && (
              <div className="tight">
                <span>{t("cancel.refused", { n: result.refused.length })}</span>
                <ul className="report small">
                  {result.refused.slice(0, 10).map((one) => (
                    <li key={one._id}>
                      <span className="mono">{one._id}</span> {one.message}
                    </li>
                  ))}
                </ul>
              </div>
            )}
          </Alert>
        )}
        <div className="row end">
          <Button variant="default" onClick={() => onClose(result !== undefined)}>
            {result ? t("common.close") : t("common.back")}
          </Button>
          {!result && (
            <Button color="red" disabled={!all || all.length === 0} loading={done !== undefined} onClick={() => void go()}>
              {t("cancel.do", { n: (all?.length ?? 0).toLocaleString() })}
            </Button>
          )}
        </div>
      </div>
    </Dialog>
  );
}
