// A dialog; the scroll lock of the library would write styles into the page.
import { Modal, type ModalProps } from "@mantine/core";
import { useEffect } from "react";
import { t } from "../text";

export function Dialog(props: ModalProps) {
  useReturn();
  return (
    <Modal lockScroll={false} centered closeButtonProps={{ "aria-label": t("common.close") }} {...props} />
  );
}

/** A dialog goes away at once when it is closed; the focus goes back to where it came from. */
function useReturn(): void {
  useEffect(() => {
    const before = document.activeElement;
    return () =>
      void setTimeout(() => {
        const lost = !document.activeElement || document.activeElement === document.body;
        const back = before?.isConnected ? before : document.getElementById("main");
        if (lost && back instanceof HTMLElement) back.focus();
      });
  }, []);
}
