#!/bin/sh
# simplereenroll - RFC 7030, 4.2.2: the same names, another key, in time.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
ca_make pem

SAN=subjectAltName=DNS:dev1.example,IP:192.0.2.1
csr dev1 /CN=dev1/serialNumber=7 -addext $SAN
post device simpleenroll maker-ra "$T/dev1.b64" >/dev/null
certs | openssl x509 -out "$T/dev1.pem"

bad() { # bad NAME STATUS REASON post-arguments...
	bad_name=$1 bad_status=$2 bad_reason=$3
	shift 3
	before_refusal
	bad_got=$(post "$@")
	refused "$bad_name" "$bad_got" "$bad_status" "$bad_reason"
}

csr new /CN=dev1/serialNumber=7 -addext $SAN
is "a device renews with a new key" \
	"$(post device simplereenroll dev1 "$T/new.b64")" 200
is "its type" "$(header Content-Type)" \
	"application/pkcs7-mime; smime-type=certs-only"
certs | openssl x509 -out "$T/new.pem"
ok "it verifies" openssl verify -purpose sslclient -CAfile "$T/root.pem" \
	-untrusted "$T/ca.pem" "$T/new.pem"
is "the same subject" "$(openssl x509 -in "$T/new.pem" -noout -subject)" \
	"$(openssl x509 -in "$T/dev1.pem" -noout -subject)"
is "the new key" "$(openssl x509 -in "$T/new.pem" -noout -pubkey)" \
	"$(openssl pkey -in "$T/new.key" -pubout)"
ok "another serial" test "$(openssl x509 -in "$T/new.pem" -noout -serial)" \
	!= "$(openssl x509 -in "$T/dev1.pem" -noout -serial)"
cp "$T/body" "$T/first"
is "the same request again" \
	"$(post device simplereenroll dev1 "$T/new.b64")" 200
ok "gets the same certificate" cmp "$T/first" "$T/body"
is "two are recorded" "$(issued)" 2
is "and with the new one again" "$(csr newer /CN=dev1/serialNumber=7 \
	-addext $SAN && post device simplereenroll new "$T/newer.b64")" 200

csr order /CN=dev1/serialNumber=7 \
	-addext subjectAltName=IP:192.0.2.1,DNS:dev1.example
is "SANs are a set" "$(post device simplereenroll dev1 "$T/order.b64")" 200

# RFC 7030, 4.2.2: names stay.
csr subject /CN=dev2/serialNumber=7 -addext $SAN
bad "another subject" 403 reenroll-name device simplereenroll dev1 \
	"$T/subject.b64"
csr order2 /serialNumber=7/CN=dev1 -addext $SAN
bad "another order" 403 reenroll-name device simplereenroll dev1 \
	"$T/order2.b64"
csr nosan /CN=dev1/serialNumber=7
bad "a SAN removed" 403 reenroll-name device simplereenroll dev1 \
	"$T/nosan.b64"
csr more /CN=dev1/serialNumber=7 -addext $SAN,DNS:more.example
bad "a SAN added" 403 reenroll-name device simplereenroll dev1 "$T/more.b64"

# The key.
bad "the same key" 400 key-reuse device simplereenroll dev1 "$T/dev1.b64"
enrol keep /CN=keep template
sleep 1
csr keep /CN=keep
is "the same key, where the profile lets it" \
	"$(post template simplereenroll keep "$T/keep.b64")" 200

# Who may.
bad "nobody" 403 auth-none device simplereenroll "" "$T/new.b64"
bad "a certificate of another CA" 403 reenroll-issuer device simplereenroll \
	maker-ra "$T/new.b64"
bad "a certificate of another endpoint" 403 client-label template \
	simplereenroll dev1 "$T/new.b64"
enrol early /CN=early late
csr early2 /CN=early
bad "before the window" 403 window late simplereenroll early "$T/early2.b64"
bad "GET's method" 415 type device simplereenroll dev1 "$T/new.b64" \
	CONTENT_TYPE=text/plain
serial=$(openssl x509 -in "$T/dev1.pem" -noout -serial | cut -d= -f2)
admin revoke --reason superseded "$serial" >/dev/null
csr last /CN=dev1/serialNumber=7 -addext $SAN
bad "a revoked one" 403 client-revoked device simplereenroll dev1 \
	"$T/last.b64"

# A certificate that our own key signed and our store does not know.
enrol ghost /CN=ghost
sql_write "CREATE TABLE ghost AS SELECT * FROM certificate
	WHERE subject LIKE '%CN=ghost%';
	DELETE FROM certificate WHERE subject LIKE '%CN=ghost%'"
csr ghost2 /CN=ghost
bad "one that the store does not know" 403 client-unknown device \
	simplereenroll ghost "$T/ghost2.b64"
sql_write "INSERT INTO certificate SELECT * FROM ghost; DROP TABLE ghost"
done_testing
