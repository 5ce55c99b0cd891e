// The inventory's pages in Chromium, as an operator and a viewer use them.
//	pages.mjs URL FOLDER CHROMIUM	(FOLDER: operator.pem, .key, viewer.…)
// Screenshots go to FOLDER/shots.
import { readFileSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const [url, folder, executablePath] = process.argv.slice(2);
const axe = readFileSync(
	createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const origin = new URL(url).origin;
let tests = 0, bad = 0;

function ok(name, good, ...notes) {
	console.log(`${good ? "ok" : "not ok"} ${++tests} - ${name}`);
	if (good)
		return;
	bad++;
	for (const note of notes.flat())
		console.log(String(note).replace(/^/gm, "# "));
}
const is = (name, got, want) =>
	ok(name, got === want, `got:  ${got}`, `want: ${want}`);

const browser = await chromium.launch({
	executablePath, args: ["--no-sandbox"] });
mkdirSync(`${folder}/shots`, { recursive: true });

// Whatever the browser complains of is gathered; asks of other hosts, too.
const complaints = [];
async function visit(who, options = {}) {
	const context = await browser.newContext({
		ignoreHTTPSErrors: true,
		viewport: { width: 1200, height: 900 },
		clientCertificates: who === "nobody" ? [] : [{ origin,
			certPath: `${folder}/${who}.pem`,
			keyPath: `${folder}/${who}.key` }],
		...options,
	});
	const page = await context.newPage();

	context.on("request", (r) => {
		if (new URL(r.url()).origin !== origin)
			complaints.push(`asks ${r.url()}`);
	});
	context.on("console", (m) => {
		if (m.type() === "error" || m.type() === "warning")
			complaints.push(`${m.text()} ${m.location().url}`);
	});
	context.on("weberror", (e) => complaints.push(String(e.error())));
	context.on("dialog", (d) => { complaints.push(d.message()); d.dismiss(); });
	return page;
}
const go = (page, path) => page.goto(`${origin}/inventory/${path}`);

// WCAG 2.2 AA, as far as a program can tell.
async function accessible(page, name) {
	// By the debugger, so that the page's policy stays what it is.
	await page.evaluate(axe);
	const { violations } = await page.evaluate(() => window.axe.run());

	ok(`${name}: accessible`, violations.length === 0,
		violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join("\n")}`));
}
const fits = (page) => page.evaluate(() =>
	document.documentElement.scrollWidth <= window.innerWidth);

const places = [["overview", ""], ["list", "certificates?subject=demo"],
	["pending", "pending"], ["nothing", "certificates?subject=nobody-at-all"],
	["wrong", "certificates?serial=xyz"], ["absent", "nothing-here"]];

async function look(page, kind) {
	for (const [name, path] of places) {
		await go(page, path);
		await accessible(page, `${name}, ${kind}`);
		ok(`${name}, ${kind}: no wider than the window`, await fits(page));
		await page.screenshot({ fullPage: true,
			path: `${folder}/shots/${name}-${kind}.png` });
	}
	await go(page, "certificates");
	await page.locator("table.list a").first().click();
	await page.locator("#history").waitFor();
	await accessible(page, `certificate, ${kind}`);
	ok(`certificate, ${kind}: no wider than the window`, await fits(page));
	await page.screenshot({ fullPage: true,
		path: `${folder}/shots/certificate-${kind}.png` });
}

const kinds = [["light", { colorScheme: "light" }],
	["dark", { colorScheme: "dark" }],
	["phone", { viewport: { width: 360, height: 740 }, hasTouch: true }],
	["plain", { javaScriptEnabled: false }]];
for (const [kind, options] of kinds.slice(0, 3))
	await look(await visit("operator", options), kind);

for (const kind of ["light", "dark", "phone"]) {
	const page = await visit("nobody", kinds.find(([k]) => k === kind)[1]);
	await go(page, "");
	is(`nobody, ${kind}: is told what to do`,
		await page.locator("h1").innerText(), "A certificate is needed");
	await accessible(page, `nobody, ${kind}`);
	ok(`nobody, ${kind}: no wider than the window`, await fits(page));
	await page.screenshot({ path: `${folder}/shots/nobody-${kind}.png` });
}

// ---- contrast: WCAG 2.2, 1.4.3 and 1.4.11, of the style's own colours
const pairs = [["ink", "page", 4.5], ["ink", "panel", 4.5],
	["ink", "wash", 4.5], ["ink", "plain-back", 4.5], ["soft", "page", 4.5],
	["soft", "panel", 4.5], ["accent", "panel", 4.5], ["accent", "page", 4.5],
	["accent", "wash", 4.5], ["on-accent", "accent", 4.5],
	["good", "good-back", 4.5], ["warn", "warn-back", 4.5],
	["bad", "bad-back", 4.5], ["bad", "panel", 4.5], ["panel", "bad", 4.5],
	["field", "panel", 3], ["bar", "panel", 3], ["warn", "panel", 3]];
function luminance(hex) {
	const full = hex.length === 4 ? hex.replace(/[^#]/g, "$&$&") : hex;
	const [r, g, b] = [1, 3, 5].map((i) => {
		const c = parseInt(full.slice(i, i + 2), 16) / 255;
		return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
	});
	return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
for (const [kind, options] of kinds.slice(0, 2)) {
	const page = await visit("viewer", options);
	await go(page, "");
	const colours = await page.evaluate((names) => Object.fromEntries(
		names.map((n) => [n, getComputedStyle(document.documentElement)
			.getPropertyValue(`--${n}`).trim()])),
	[...new Set(pairs.flatMap(([a, b]) => [a, b]))]);
	const poor = pairs.map(([a, b, least]) => {
		const [x, y] = [colours[a], colours[b]].map(luminance);
		const ratio = (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
		return ratio >= least ? "" :
			`${a} on ${b}: ${ratio.toFixed(2)}, want ${least}`;
	}).filter(Boolean);
	ok(`contrast, ${kind}`, poor.length === 0, poor);
}

// ---- hostile texts
const page = await visit("operator");
const hostile = `"><script>window.pwned = 1</script><b x='`;
await go(page, `certificates?subject=${encodeURIComponent(hostile)}`);
is("what was typed stays in its field",
	await page.locator("#subject").inputValue(), hostile);
await go(page, "certificates?subject=onerror");
is("a hostile subject is a text",
	await page.locator("table.list tbody th a").first().innerText(),
	"CN=<img src=x onerror=alert(1)>00001");
is("nothing of it ran", await page.evaluate(() => window.pwned), undefined);
await page.locator("table.list tbody th a").first().click();
is("neither on its own page", await page.locator("h1").innerText(),
	"CN=<img src=x onerror=alert(1)>00001");

// ---- keyboard
await go(page, "certificates");
await page.keyboard.press("Tab");
is("the first stop leads past the navigation",
	await page.evaluate(() => document.activeElement.className), "skip");
await page.keyboard.press("Enter");
await page.keyboard.press("/");
is("/ leads to the search",
	await page.evaluate(() => document.activeElement.id), "subject");
await page.keyboard.type("demo-device");
await page.keyboard.press("Enter");
await page.waitForURL(/subject=/);
ok("and Enter searches, without empty fields",
	page.url().endsWith("certificates?subject=demo-device"), page.url());
is("one is found", await page.locator("table.list tbody tr").count(), 1);

// ---- acts
async function act(page, button, fill) {
	await page.getByRole("link", { name: button }).first().click();
	await accessible(page, `the question: ${button}`);
	await page.screenshot({ path: `${folder}/shots/question.png` });
	if (fill)
		await fill();
	await page.locator("form.act button").click();
	await page.locator("[role=status]").waitFor();
	return page.locator("[role=status]").innerText();
}
await page.locator("table.list tbody th a").click();
const path = new URL(page.url()).pathname.replace("/inventory/", "");
is("hold", await act(page, "Put on hold…",
	() => page.locator("#note").fill("<b>\u202elost</b>")),
"The certificate is on hold.");
ok("a note is a text, and turns no line around",
	(await page.locator("section:has(#history)").innerText())
		.includes("<b>\ufffdlost</b>"),
	await page.locator("section:has(#history)").innerText());
is("… is seen", await page.locator("dd .state").first().innerText(), "held");
is("release", await act(page, "Release…"),
	"The certificate is released from its hold.");
await page.getByRole("link", { name: "Revoke…" }).click();
await page.locator("form.act button").click();
ok("no reason: the browser asks for one", page.url().endsWith("/revoke"));
await go(page, path);
is("revoke", await act(page, "Revoke…",
	() => page.locator("#reason").selectOption("superseded")),
	"The certificate is revoked.");
ok("the history tells all",
	/issue[^]*certificateHold[^]*release[^]*superseded/.test(
		await page.locator("section:has(#history)").innerText()),
	await page.locator("section:has(#history)").innerText());
is("and there is nothing left to revoke",
	await page.getByRole("link", { name: "Revoke…" }).count(), 0);

await go(page, "pending");
const waiting = await page.locator("tbody tr").count();
is("approve", await act(page, "Approve…",
	() => page.locator("#note").fill("as ordered")),
	"The request is approved: the device has its certificate when it asks " +
	"again.");
await go(page, "pending");
ok("… who did it is shown",
	/approved\s+by\s+operator:CN=Demo Operator/.test(
		await page.locator("tbody tr").first().innerText()),
	await page.locator("tbody tr").first().innerText());
is("deny", await act(page, "Deny…"), "The request is denied.");
await go(page, "pending");
is("it waits no more", await page.locator("tbody tr").count(), waiting - 1);

// ---- files
const [file] = await Promise.all([page.waitForEvent("download"),
	go(page, path).then(() =>
		page.getByRole("link", { name: "PEM" }).click())]);
ok("PEM is saved as a file", readFileSync(await file.path(), "utf8")
	.startsWith("-----BEGIN CERTIFICATE-----"), file.suggestedFilename());

// ---- a viewer; without scripts
const viewer = await visit("viewer", kinds[3][1]);
await go(viewer, path);
is("a viewer sees it", await viewer.locator("h1").innerText(),
	"CN=demo-device");
is("and may do nothing", await viewer.locator("a.danger, form.act").count(), 0);
await go(viewer, `${path}/revoke`);
ok("not even by its address", (await viewer.locator("[role=alert]")
	.innerText()).includes("A viewer may look"));
const plain = await visit("operator", kinds[3][1]);
await go(plain, "certificates");
await plain.locator("#subject").fill("demo-");
await plain.locator("form.search button").click();
ok("the search works without scripts",
	await plain.locator("table.list tbody tr").count() > 0);
await go(plain, "certificates?subject=onerror");
await plain.locator("table.list tbody th a").first().click();
for (const [link, said] of [["Put on hold…", "The certificate is on hold."],
	["Release…", "The certificate is released from its hold."]]) {
	await plain.getByRole("link", { name: link }).click();
	await plain.locator("form.act button").click();
	is(`without scripts: ${link}`,
		await plain.locator("[role=status]").innerText(), said);
}

// ---- page after page
await go(page, "certificates?subject=many&rows=100");
const names = new Set();
for (let n = 1; ; n++) {
	for (const name of await page.locator("table.list tbody th a")
		.allInnerTexts())
		names.add(name);
	const next = page.locator("a[rel=next]");
	if (n === 20 || await next.count() === 0)
		break;
	await next.click();
	await page.waitForURL(/cursor=/);
}
is("all of 1,000 are seen, page after page", names.size, 1000);

const wanted = complaints.filter((c) => !/status of (400|403|404)/.test(c));
ok("no complaint, nothing from elsewhere", wanted.length === 0, wanted);
await browser.close();
console.log(`1..${tests}`);
process.exit(bad === 0 ? 0 : 1);
