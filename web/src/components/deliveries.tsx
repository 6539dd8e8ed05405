// Status notifications: what was told, with every attempt.
import { Button, Table } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { Fragment, useState } from "react";
import { Link } from "react-router";
import { api, good, type Delivery } from "../api/client";
import { t } from "../text";
import { Status } from "./status";
import { Time } from "./time";
import { Attempts, attemptText, title } from "./timeline";
import { toast, toastError } from "./toasts";

export function DeliveryList({ deliveries, linked }: { deliveries: Delivery[]; linked: boolean }) {
  const [open, setOpen] = useState("");
  if (deliveries.length === 0) return null;
  return (
    <div className="scroll-x" tabIndex={0} role="region" aria-label={t("deliveries.list")}>
      <Table verticalSpacing="xs">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t("deliveries.event")}</Table.Th>
            <Table.Th>{t("deliveries.state")}</Table.Th>
            <Table.Th>{t("deliveries.receiver")}</Table.Th>
            <Table.Th>{t("deliveries.last")}</Table.Th>
            <Table.Th>{t("deliveries.next")}</Table.Th>
            <Table.Th aria-label={t("deliveries.actions")} />
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {deliveries.map((delivery) => (
            <Fragment key={delivery.id}>
              <Row
                delivery={delivery}
                linked={linked}
                open={open === delivery.id}
                toggle={() => setOpen(open === delivery.id ? "" : delivery.id)}
              />
              {open === delivery.id && (
                <Table.Tr>
                  <Table.Td colSpan={6}>
                    <Attempts delivery={delivery} />
                  </Table.Td>
                </Table.Tr>
              )}
            </Fragment>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}

interface RowProps {
  delivery: Delivery;
  linked: boolean;
  open: boolean;
  toggle: () => void;
}

function Row({ delivery, linked, open, toggle }: RowProps) {
  const queries = useQueryClient();
  const last = delivery.attempts[delivery.attempts.length - 1];
  const retry = async () => {
    try {
      await good(api.POST("/api/v1/deliveries/{id}/retry", { params: { path: { id: delivery.id } } }));
      toast(t("deliveries.retried", { n: 1 }));
    } catch (error) {
      toastError(error);
    }
    await Promise.all(["deliveries", "overview"].map((key) => queries.invalidateQueries({ queryKey: [key] })));
    await queries.invalidateQueries({ queryKey: ["callback", delivery.callback_id] });
  };
  return (
    <Table.Tr>
      <Table.Td>
        <div className="tight">
          <span title={delivery.event_id}>{title(delivery.event_id)}</span>
          {linked && (
            <Link className="mono" to={`/callbacks/${encodeURIComponent(delivery.callback_id)}`}>
              {delivery.callback_id}
            </Link>
          )}
        </div>
      </Table.Td>
      <Table.Td>
        <Status word={delivery.state} />
      </Table.Td>
      <Table.Td className="wrap">
        {delivery.channel} <span className="mono">{delivery.target}</span>
      </Table.Td>
      <Table.Td>
        {last ? (
          <span className="small">
            <Time at={last.at} /> {attemptText(last)}
          </span>
        ) : (
          "–"
        )}
      </Table.Td>
      <Table.Td>{delivery.next_at ? <Time at={delivery.next_at} /> : "–"}</Table.Td>
      <Table.Td>
        <div className="row end">
          <Button size="compact-xs" variant="subtle" aria-expanded={open} onClick={toggle}>
            {t("deliveries.attempts", { n: delivery.attempts.length })}
          </Button>
          {delivery.state === "failed" && (
            <Button size="compact-xs" variant="default" onClick={() => void retry()}>
              {t("deliveries.retry")}
            </Button>
          )}
        </div>
      </Table.Td>
    </Table.Tr>
  );
}
