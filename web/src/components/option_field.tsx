// One option of a service: what it is, its value, its default, what is wrong with it.
import { ActionIcon, Autocomplete, Badge, PasswordInput, Select, TextInput, Textarea } from "@mantine/core";
import { memo, useId } from "react";
import type { Option } from "../api/client";
import { fileOf, useTreatments, withFile } from "../api/treatments";
import { t } from "../text";
import { Status } from "./status";
import { DropSounds, Listen } from "./treatment";

interface Props {
  option: Option;
  value: string | undefined;
  changed: boolean;
  notes: { errors: string[]; warnings: string[] } | undefined;
  onChange: (value: string | undefined) => void;
}

export const OptionField = memo(function OptionField({ option, value, changed, notes, onChange }: Props) {
  const id = useId();
  const special = option.values?.find((one) => one.value === value);
  const why = special?.reason ?? option.reason;
  return (
    <div className="option">
      <div className="tight">
        <div className="row">
          <label htmlFor={id} className="mono wrap">
            {option.name}
          </label>
          {option.mandatory && <Badge variant="default" className="plain-badge">{t("option.mandatory")}</Badge>}
          {option.status !== "effective" && <Status word={option.status} />}
          {changed && <Badge variant="light" className="plain-badge">{t("option.changed")}</Badge>}
        </div>
        {option.meaning && <span>{option.meaning}</span>}
        {why && <span className="quiet small">{why}</span>}
      </div>
      <div className="tight">
        <div className="row">
          <div className="grow">
            <Field id={id} option={option} value={value} error={notes?.errors.join(" ")} onChange={onChange} />
          </div>
          {value !== undefined && (
            <ActionIcon
              variant="subtle"
              color="gray"
              onClick={() => onChange(undefined)}
              aria-label={t("option.reset", { name: option.name })}
            >
              ×
            </ActionIcon>
          )}
        </div>
        <span className="quiet small">
          {option.default === "" ? t("option.no_default") : t("option.default", { value: option.default })}
          {option.unit ? ` ${option.unit}` : ""}
          {option.type !== "enum" && option.type !== "bool" && option.type !== "text" ? ` · ${option.allowed}` : ""}
        </span>
        {notes?.warnings.map((warning, n) => (
          <span key={n} className="small warning">
            {warning}
          </span>
        ))}
      </div>
    </div>
  );
});

interface FieldProps {
  id: string;
  option: Option;
  value: string | undefined;
  error: string | undefined;
  onChange: (value: string | undefined) => void;
}

function Field({ id, option, value, error, onChange }: FieldProps) {
  const choices = option.type === "bool" ? ["true", "false"] : option.type === "enum" ? option.allowed.split(", ") : [];
  if (choices.length > 0) {
    const data = value !== undefined && !choices.includes(value) ? [...choices, value] : choices;
    return (
      <Select
        id={id}
        data={data.filter((choice, n) => choice !== "" && data.indexOf(choice) === n)}
        value={value ?? null}
        placeholder={option.default || t("option.unset")}
        onChange={(next) => onChange(next ?? undefined)}
        error={error || undefined}
        withScrollArea={false}
        clearable={false}
      />
    );
  }
  const common = {
    id,
    value: value ?? "",
    placeholder: option.default || t("option.unset"),
    error: error || undefined,
    spellCheck: false,
    onChange: (event: { currentTarget: { value: string } }) =>
      onChange(event.currentTarget.value === "" ? undefined : event.currentTarget.value),
  };
  if (option.type === "treatment") return <SoundField id={id} option={option} value={value} error={error} onChange={onChange} />;
  if (option.name === "password") {
    return <PasswordInput {...common} autoComplete="new-password" visibilityToggleButtonProps={{ "aria-label": t("login.show") }} />;
  }
  if (option.type === "json" || (value ?? "").length > 60) return <Textarea {...common} autosize={false} rows={3} />;
  return <TextInput {...common} inputMode={option.type === "int" ? "numeric" : undefined} autoComplete="off" />;
}

/** A file name with its sound: chosen from those that are there, typed, uploaded or dropped in. */
function SoundField({ id, option, value, error, onChange }: FieldProps) {
  const files = useTreatments();
  const file = fileOf(value) || (value === undefined ? option.default : "");
  const known = files.data?.find((one) => one.name === file);
  return (
    <div className="tight">
      <Autocomplete
        id={id}
        value={value ?? ""}
        data={(files.data ?? []).map((one) => one.name)}
        placeholder={option.default || t("option.unset")}
        error={error || undefined}
        onChange={(next) => onChange(next === "" ? undefined : next)}
        withScrollArea={false}
        maxDropdownHeight={240}
        spellCheck={false}
      />
      <DropSounds onStored={(name) => onChange(withFile(value, name))}>
        {known && !known.problem && <Listen key={`${known.name}${known.changed ?? ""}`} name={known.name} changed={known.changed} />}
      </DropSounds>
      {known?.problem && <span className="small warning">{known.problem}</span>}
      {files.data && file !== "" && !known && <span className="small warning">{t("treatments.missing")}</span>}
    </div>
  );
}
