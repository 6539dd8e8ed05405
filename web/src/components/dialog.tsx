// A dialog; the scroll lock of the library would write styles into the page.
import { Modal, type ModalProps } from "@mantine/core";
import { t } from "../text";

export function Dialog(props: ModalProps) {
  return (
    <Modal lockScroll={false} centered closeButtonProps={{ "aria-label": t("common.close") }} {...props} />
  );
}
