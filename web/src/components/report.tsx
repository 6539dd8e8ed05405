// The report of an import: what was put right, what is worth knowing, what has to be changed.
import { Alert } from "@mantine/core";
import type { Report } from "../api/client";
import { t } from "../text";

interface Place {
  line?: number;
  service?: string;
  section?: string;
  option?: string;
  message?: string;
  from?: string;
  to?: string;
  allowed?: string;
}

/** Where it is; a message that begins with the name of the option needs it once only. */
function where(place: Place): string {
  const option = place.option && place.message?.startsWith(place.option) ? undefined : place.option;
  const name = [place.service ?? place.section, option].filter(Boolean).join(" · ");
  return [place.line ? t("report.line", { line: place.line }) : "", name].filter(Boolean).join(" · ");
}

function Places({ places }: { places: Place[] }) {
  return (
    <ul className="tight report">
      {places.map((place, n) => (
        <li key={n} className="wrap">
          <span className="mono quiet">{where(place)}</span>{" "}
          {place.message ?? t("report.repair", { from: place.from ?? "", to: place.to ?? "" })}
          {place.allowed ? ` ${t("report.allowed", { allowed: place.allowed })}` : ""}
        </li>
      ))}
    </ul>
  );
}

export function ReportView({ report, what }: { report: Report; what: string }) {
  const { errors, warnings, repairs } = report as unknown as Record<string, Place[]>;
  return (
    <div className="stack" role="region" aria-label={t("report.title")}>
      {(errors ?? []).length > 0 && (
        <Alert color="red" title={t("report.errors", { n: errors!.length })}>
          <Places places={errors!} />
        </Alert>
      )}
      {(errors ?? []).length === 0 && <Alert color="green" title={t("report.good", { what })} />}
      {(repairs ?? []).length > 0 && (
        <Alert color="blue" title={t("report.repairs", { n: repairs!.length })}>
          <Places places={repairs!} />
        </Alert>
      )}
      {(warnings ?? []).length > 0 && (
        <Alert color="orange" title={t("report.warnings", { n: warnings!.length })}>
          <Places places={warnings!} />
        </Alert>
      )}
    </div>
  );
}
