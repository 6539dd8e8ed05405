// Deliveries of status notifications.
import { useQuery } from "@tanstack/react-query";
import { api, good } from "./client";

/** Attempts are made without an event of a callback, and the list is long. */
const LOOK_MS = 5000;

/** The last deliveries with their attempts, looked at by the clock. */
export const useDeliveries = () =>
  useQuery({
    queryKey: ["deliveries"],
    queryFn: async () => (await good(api.GET("/api/v1/deliveries"))).deliveries,
    refetchInterval: LOOK_MS,
  });
