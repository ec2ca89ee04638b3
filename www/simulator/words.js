// How figures are written.

const plain = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });

/** "36,012". */
export const whole = (number) => plain.format(number);

/** "9.87", "12,300". */
export const figure = (number) => (Math.abs(number) < 1000 ? short : plain).format(number);

/** "99.7 %"; never 100 where something is missing, and never 0 where something is. */
export function percent(part, all) {
  if (all === 0) return "–";
  if (part === 0 || part === all) return part ? "100 %" : "0 %";
  const share = Math.floor((1000 * part) / all) / 10;
  return share === 0 ? "< 0.1 %" : `${share} %`;
}

/** "0 s", "0.31 s", "12.4 s", "5 min 54 s", "1 h 2 min". */
export function duration(seconds) {
  if (seconds < 0.0005) return "0 s";
  if (seconds < 9.995) return `${seconds.toFixed(2)} s`;
  if (seconds < 99.95) return `${seconds.toFixed(1)} s`;
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, Math.round(seconds % 60)];
  if (rest === 60) return duration(Math.round(seconds));
  const parts = hours ? [[hours, "h"], [minutes, "min"]] : [[minutes, "min"], [rest, "s"]];
  return parts.filter(([number]) => number > 0).map(([number, unit]) => `${number} ${unit}`).join(" ");
}

/** A moment on an axis: "0", "30 s", "5 min", "1.5 h". */
export function moment(seconds) {
  if (seconds === 0) return "0";
  if (seconds < 120) return `${short.format(seconds)} s`;
  return seconds < 7200 ? `${short.format(seconds / 60)} min` : `${short.format(seconds / 3600)} h`;
}
