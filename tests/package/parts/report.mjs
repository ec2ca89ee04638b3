// Says what the checks of a runtime came to, in the words of Rust's test programs, which `npm test` counts.

const LONGEST = 180_000; // milliseconds

/** There is no such runtime for this kind of machine: the one reason to leave its checks out, which is told and counted. */
export class NoSuchRuntime extends Error {}

/** Runs a runtime's checks, which resolve to `[{ name, problem }]`; prints them, and gives back how many failed. */
export async function report(runtime, test, longest = LONGEST) {
  console.log(`\n${runtime}`);
  const start = performance.now();
  const results = await within(longest, test()).catch((error) => [
    error instanceof NoSuchRuntime ? { name: "runs", ignored: error.message } : { name: "runs", problem: error?.stack ?? String(error) },
  ]);
  if (!results.length) results.push({ name: "runs", problem: "it made no check" });
  for (const { name, problem, ignored } of results) {
    console.log(`test ${runtime}: ${name} ... ${problem ? `FAILED\n${problem}` : ignored ? `ignored: ${ignored}` : "ok"}`);
  }
  const [failed, ignored] = ["problem", "ignored"].map((field) => results.filter((result) => result[field]).length);
  const seconds = ((performance.now() - start) / 1000).toFixed(2);
  const counts = `${results.length - failed - ignored} passed; ${failed} failed; ${ignored} ignored;`;
  console.log(`test result: ${failed ? "FAILED" : "ok"}. ${counts} finished in ${seconds}s`);
  return failed;
}

async function within(milliseconds, promise) {
  let timer;
  const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error("hangs")), milliseconds)));
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
