// One line of a list of facts.
import type { ReactNode } from "react";

/** A name and what stands for it; `own` names are no words of ours. */
export function Fact({ name, own, value }: { name: string; own?: boolean; value: ReactNode }) {
  return (
    <>
      <dt className={own ? "mono" : undefined}>{name}</dt>
      <dd>{value}</dd>
    </>
  );
}
