// A dialog; the scroll lock of the library would write styles into the page.
import { Modal, type ModalProps } from "@mantine/core";
import { useEffect, useState } from "react";
import { t } from "../text";

export function Dialog(props: ModalProps) {
  return (
    <>
      {props.opened && <FocusBack />}
      <Modal lockScroll={false} centered closeButtonProps={{ "aria-label": t("common.close") }} {...props} />
    </>
  );
}

/** Gives the focus back to what opened the dialog, which the library does not for one that is gone at once. */
function FocusBack() {
  const [opener] = useState(() => document.activeElement);
  useEffect(
    () => () => {
      const next = opener?.isConnected ? opener : document.getElementById("main");
      if (next instanceof HTMLElement) next.focus();
    },
    [opener],
  );
  return null;
}
