// The embedded provider: how fast it writes, and what it has seen.

const control = (baseUrl, path) => new URL(`/_control/${path}`, baseUrl);

/** Has it write a token every 50 ms while `body` runs, so that there is a middle of an answer. */
export async function slowly(baseUrl, body) {
  const pace = (token_pace_ms) => fetch(control(baseUrl, "settings"), { method: "POST", body: JSON.stringify({ token_pace_ms }) });
  await pace(50);
  try {
    return await body();
  } finally {
    await pace(0);
  }
}

/** What is wrong if it does not find, within five seconds, that the last client of a model has closed its socket. */
export async function problemOfLeaving(baseUrl, model) {
  const end = performance.now() + 5000;
  let last;
  while (performance.now() < end) {
    const { requests } = await (await fetch(control(baseUrl, `log?model=${model}`))).json();
    last = requests.at(-1)?.finished;
    if (last === "client_closed") return "";
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return `for the provider the request is ${last}`;
}
