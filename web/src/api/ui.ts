// What the operator's configuration makes of these pages.
import { useQuery } from "@tanstack/react-query";
import { api, good } from "./client";

export const useUiSettings = () =>
  useQuery({ queryKey: ["ui"], queryFn: () => good(api.GET("/api/v1/ui")), staleTime: 60_000 });
