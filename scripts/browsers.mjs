// Finds the browsers that the tests run in, their drivers and what runs tests in them; installs what is missing.

import { output } from "./run.mjs";
import { cargoTool, ensureFromDebian } from "./toolchain.mjs";

const CHROMIUMS = ["chromium", "google-chrome", "chrome"];
const FIREFOXES = ["firefox-esr", "firefox"];

const path = (program) => output(["which", program]).trim();

/** The path of the driver of a Chromium that is there too. */
export async function chromedriver() {
  const found = () => output(["chromedriver", "--version"]) && CHROMIUMS.some((name) => output([name, "--version"]));
  await ensureFromDebian("Chromium or its driver", found, ["chromium", "chromium-driver"], "any Chrome, and the chromedriver of its version, on the PATH");
  return path("chromedriver");
}

/** The path of a Chromium. */
export async function chromium() {
  const found = () => CHROMIUMS.find((name) => output([name, "--version"]));
  await ensureFromDebian("Chromium", found, ["chromium"], "any Chrome on the PATH");
  return path(found());
}

/** What makes the test runner use Firefox. */
export async function firefox() {
  const found = () => FIREFOXES.find((name) => output([name, "--version"]));
  await ensureFromDebian("Firefox", found, ["firefox-esr"], "any Firefox on the PATH");
  const driver = await cargoTool({ name: "geckodriver", crate: "geckodriver", version: "0.37", flags: [] });
  return { GECKODRIVER: driver, WASM_BINDGEN_TEST_WEBDRIVER_JSON: "tests/webdriver/firefox.json" };
}

/** What makes the test runner use WebKit, which needs a display to draw on. */
export async function webKit() {
  const found = () => output(["which", "WebKitWebDriver"]) && output(["which", "xvfb-run"]);
  const packages = ["webkit2gtk-driver", "xvfb", "xauth"];
  await ensureFromDebian("WebKit", found, packages, "WebKitWebDriver and xvfb-run on the PATH");
  return {
    SAFARIDRIVER: path("WebKitWebDriver"),
    WASM_BINDGEN_TEST_WEBDRIVER_JSON: "tests/webdriver/webkit.json",
    // It draws without a graphics card, and as root.
    WEBKIT_DISABLE_COMPOSITING_MODE: "1",
    WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: "1",
  };
}

/** The path of wasm-pack. */
export const wasmPack = () => cargoTool({ name: "wasm-pack", crate: "wasm-pack", version: "0.15", flags: ["--locked"] });
