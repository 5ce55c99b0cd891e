import java.io.*;
import java.math.BigInteger;
import java.net.*;
import java.security.*;
import java.security.cert.*;
import java.util.*;
import org.bouncycastle.asn1.*;
import org.bouncycastle.asn1.ocsp.OCSPObjectIdentifiers;
import org.bouncycastle.asn1.x509.*;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.jcajce.JcaX509CertificateHolder;
import org.bouncycastle.cert.ocsp.*;
import org.bouncycastle.operator.*;
import org.bouncycastle.operator.jcajce.*;

/*
 * BcOcsp URL ISSUER.pem ROOT.pem: one request for each line that is read, one
 * line for its answer.
 *
 *	get|post sha1|sha256 NONCE-OCTETS|- SERIAL...
 *	path CERTIFICATE.pem    what Bouncy Castle's own path validation says
 */
public class BcOcsp {
  static URI url;
  static int paths;
  static X509Certificate issuer, root;

  static X509Certificate cert(String f) throws Exception {
    try (InputStream in = new FileInputStream(f)) {
      return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(in);
    }
  }

  static byte[] http(String method, byte[] request) throws Exception {
    URL to = url.toURL();
    if (method.equals("get"))
      to = new URL(url + "/" + URLEncoder.encode(
          Base64.getEncoder().encodeToString(request), "US-ASCII"));
    HttpURLConnection c = (HttpURLConnection) to.openConnection();
    c.setConnectTimeout(20000);
    c.setReadTimeout(20000);
    if (method.equals("post")) {
      c.setDoOutput(true);
      c.setRequestProperty("Content-Type", "application/ocsp-request");
      try (OutputStream out = c.getOutputStream()) {
        out.write(request);
      }
    }
    if (c.getResponseCode() != 200
        || !"application/ocsp-response".equals(c.getContentType()))
      throw new IOException("HTTP " + c.getResponseCode() + " " + c.getContentType());
    try (InputStream in = c.getInputStream()) {
      return in.readAllBytes();
    }
  }

  static byte[] octets(int n) {
    byte[] b = new byte[n];
    new SecureRandom().nextBytes(b);
    return b;
  }

  /* RFC 6960, 4.2.2.2: by a responder of the issuer's own, valid now. */
  static void judge(BasicOCSPResp basic) throws Exception {
    ContentVerifierProvider of =
        new JcaContentVerifierProviderBuilder().build(issuer.getPublicKey());
    X509CertificateHolder by = basic.getCerts()[0];
    Date now = new Date();
    if (!by.isSignatureValid(of) || !by.isValidOn(now)
        || !ExtendedKeyUsage.fromExtensions(by.getExtensions())
            .hasKeyPurposeId(KeyPurposeId.id_kp_OCSPSigning)
        || by.getExtension(OCSPObjectIdentifiers.id_pkix_ocsp_nocheck) == null)
      throw new Exception("not a responder of the issuer's");
    if (!basic.isSignatureValid(new JcaContentVerifierProviderBuilder().build(by)))
      throw new Exception("bad signature");
    if (basic.getProducedAt().after(new Date(now.getTime() + 60000)))
      throw new Exception("produced later");
    for (SingleResp r : basic.getResponses())
      if (r.getThisUpdate().after(new Date(now.getTime() + 60000)) || !r.getNextUpdate().after(now))
        throw new Exception("not for now");
  }

  static String word(CertificateStatus s) {
    if (s == CertificateStatus.GOOD)
      return "good";
    if (!(s instanceof RevokedStatus))
      return "unknown";
    RevokedStatus r = (RevokedStatus) s;
    return "revoked:" + (r.hasRevocationReason() ? r.getRevocationReason() : "-")
        + ":" + r.getRevocationTime().getTime() / 1000;
  }

  static String ask(String[] a) throws Exception {
    DigestCalculator digest = new JcaDigestCalculatorProviderBuilder().build().get(
        a[1].equals("sha1") ? CertificateID.HASH_SHA1
            : new AlgorithmIdentifier(org.bouncycastle.asn1.nist.NISTObjectIdentifiers.id_sha256));
    OCSPReqBuilder b = new OCSPReqBuilder();
    List<CertificateID> ids = new ArrayList<>();
    byte[] nonce = a[2].equals("-") ? null : new DEROctetString(octets(Integer.parseInt(a[2]))).getEncoded();
    for (int i = 3; i < a.length; i++)
      ids.add(new CertificateID(digest, new JcaX509CertificateHolder(issuer), new BigInteger(a[i], 16)));
    for (CertificateID id : ids)
      b.addRequest(id);
    if (nonce != null)
      b.setRequestExtensions(new Extensions(
          new Extension(OCSPObjectIdentifiers.id_pkix_ocsp_nonce, false, nonce)));
    OCSPResp response = new OCSPResp(http(a[0], b.build().getEncoded()));
    if (response.getStatus() != OCSPResp.SUCCESSFUL)
      return "error " + response.getStatus();
    BasicOCSPResp basic = (BasicOCSPResp) response.getResponseObject();
    judge(basic);
    StringBuilder said = new StringBuilder();
    for (int i = 0; i < ids.size(); i++) {
      if (!basic.getResponses()[i].getCertID().equals(ids.get(i)))
        throw new Exception("another certificate's");
      said.append(i > 0 ? " " : "").append(word(basic.getResponses()[i].getCertStatus()));
    }
    Extension back = basic.getExtension(OCSPObjectIdentifiers.id_pkix_ocsp_nonce);
    if (back != null)
      said.append(Arrays.equals(back.getExtnValue().getOctets(), nonce) ? " nonce" : " another nonce");
    return said.toString();
  }

  static String path(String file) throws Exception {
    CertPath p = CertificateFactory.getInstance("X.509", "BC")
        .generateCertPath(Arrays.asList(cert(file), issuer));
    CertPathValidator v = CertPathValidator.getInstance("PKIX", "BC");
    PKIXRevocationChecker check = (PKIXRevocationChecker) v.getRevocationChecker();
    /* Its OcspCache (1.72) falls over an entry that the garbage collector took: never the same. */
    check.setOcspResponder(new URI(url + "?" + ++paths));
    check.setOptions(EnumSet.of(PKIXRevocationChecker.Option.ONLY_END_ENTITY,
        PKIXRevocationChecker.Option.NO_FALLBACK));
    PKIXParameters params = new PKIXParameters(Collections.singleton(new TrustAnchor(root, null)));
    params.addCertPathChecker(check);
    try {
      v.validate(p, params);
      return "valid";
    } catch (CertPathValidatorException e) {
      return "invalid: " + e.getMessage();
    }
  }

  public static void main(String[] a) throws Exception {
    Security.addProvider(new org.bouncycastle.jce.provider.BouncyCastleProvider());
    url = new URI(a[0]);
    issuer = cert(a[1]);
    root = cert(a[2]);
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
    for (String line; (line = in.readLine()) != null; ) {
      String[] w = line.split(" ");
      try {
        System.out.println(w[0].equals("path") ? path(w[1]) : ask(w));
      } catch (Exception e) {
        System.out.println("failed: " + e);
      }
      System.out.flush();
    }
  }
}
