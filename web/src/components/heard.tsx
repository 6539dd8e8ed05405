// What the detector heard, as a picture: levels over time, voice and tones marked.
import { t } from "../text";

export interface Picture {
  step_ms: number;
  dbfs: number[];
  /** One letter a moment: v voice, t a steady tone, b both, a dot neither. */
  marks: string;
}

const WIDTH = 640;
const HEIGHT = 72;
const FLOOR = -70;

export function HeardPicture({ picture }: { picture: Picture }) {
  const count = picture.dbfs.length;
  if (count === 0) return null;
  const column = Math.min(12, WIDTH / count);
  const seconds = (count * picture.step_ms) / 1000;
  const of = (letters: string) => [...picture.marks].filter((mark) => letters.includes(mark)).length * (picture.step_ms / 1000);
  const [voice, tone] = [of("vb"), of("tb")];
  const label = t("heard.picture.label", { seconds: seconds.toFixed(1), voice: voice.toFixed(1), tone: tone.toFixed(1) });
  const wide = Math.ceil(column * count);
  return (
    <figure className="heard-picture">
      <svg viewBox={`0 0 ${wide} ${HEIGHT + 14}`} width={wide} height={HEIGHT + 14} role="img" aria-label={label}>
        {picture.dbfs.map((level, n) => {
          const tall = Math.max(1, ((level - FLOOR) / -FLOOR) * HEIGHT);
          return (
            <rect
              key={n}
              className={MARKS[picture.marks[n] ?? "."] ?? "nothing"}
              x={n * column + 0.5}
              y={HEIGHT - tall}
              width={Math.max(1, column - 1)}
              height={tall}
            />
          );
        })}
        <line x1="0" x2={wide} y1={HEIGHT} y2={HEIGHT} className="axis" />
        {Array.from({ length: Math.floor(seconds) + 1 }, (_, n) => (
          <text key={n} x={(n * 1000 * column) / picture.step_ms} y={HEIGHT + 12} className="axis-text">
            {`${n} s`}
          </text>
        ))}
      </svg>
      <figcaption className="row small">
        {(["voice", "tone", "nothing"] as const).map((kind) => (
          <span key={kind} className="row legend">
            <svg width="10" height="10" aria-hidden="true">
              <rect width="10" height="10" rx="2" className={kind} />
            </svg>
            {t(`heard.${kind}`)}
          </span>
        ))}
      </figcaption>
    </figure>
  );
}

const MARKS: Record<string, string> = { v: "voice", b: "tone", t: "tone", ".": "nothing" };
