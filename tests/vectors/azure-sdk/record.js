// What Microsoft's azure-iothub sends for what lib/cloud does, too: method,
// target, condition, body; one JSON object a line.
//
//   npm install azure-iothub@1.16.6
//   openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem \
//       -subj /CN=h -days 2 -addext subjectAltName=DNS:h.azure-devices.net
//   NODE_EXTRA_CA_CERTS=cert.pem node record.js >requests.json
const fs = require('fs');
const https = require('https');
const { Registry } = require('azure-iothub');

const A = 'A'.repeat(64);
const identity = {
	deviceId: 'd1', etag: 'E1', status: 'enabled', statusReason: null,
	authentication: { type: 'selfSigned', x509Thumbprint: {
		primaryThumbprint: A, secondaryThumbprint: null } },
	capabilities: { iotEdge: false },
};
const twin = {
	deviceId: 'd1', etag: 'T1', deviceEtag: 'E1', tags: {},
	properties: { desired: {}, reported: {} },
};
const wanted = { ...identity, statusReason: 'microca' };
delete wanted.etag;

let operation;
const server = https.createServer({
	key: fs.readFileSync('key.pem'), cert: fs.readFileSync('cert.pem'),
}, (rq, rs) => {
	let body = '';
	rq.on('data', (part) => { body += part; });
	rq.on('end', () => {
		console.log(JSON.stringify({
			operation, method: rq.method, target: rq.url,
			match: rq.headers['if-match'] || null,
			body: body === '' ? null : JSON.parse(body),
		}));
		const answer = rq.url.startsWith('/devices/query') ? [] :
			rq.url.startsWith('/twins') ? twin : identity;
		rs.setHeader('Content-Type', 'application/json');
		rs.end(JSON.stringify(answer));
	});
});

server.listen(0, '127.0.0.1', async () => {
	const { port } = server.address();
	const registry = Registry.fromConnectionString(
		'HostName=h.azure-devices.net;SharedAccessKeyName=p;SharedAccessKey=c2VjcmV0');
	const lookup = (host, options, done) => (options && options.all ?
		done(null, [{ address: '127.0.0.1', family: 4 }]) :
		done(null, '127.0.0.1', 4));
	registry._restApiClient.setOptions({
		http: { agent: new https.Agent({ port, lookup }) } });
	const steps = {
		read: () => registry.get('d1'),
		create: () => registry.create(wanted),
		update: () => registry.update({ ...wanted, etag: 'E1' }, false),
		twin: () => registry.getTwin('d1'),
		tag: () => registry.updateTwin(
			'd1', { tags: { microca: { v: 1 } } }, 'T1'),
		bulk: () => registry.addDevices(
			[{ ...wanted, tags: { microca: { v: 1 } } }]),
		query: () => registry.createQuery(
			"SELECT * FROM devices WHERE tags.microca.edge = 'e'",
			500).next(),
		escape: () => registry.getTwin("a-:.+%_#*?!(),=@;$'"),
	};
	for (operation of Object.keys(steps)) await steps[operation]();
	process.exit(0);
});
