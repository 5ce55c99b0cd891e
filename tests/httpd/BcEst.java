import java.io.*;
import java.security.*;
import java.security.cert.*;
import java.security.cert.Certificate;
import java.util.*;
import javax.net.ssl.*;
import javax.security.auth.x500.X500Principal;
import org.bouncycastle.asn1.*;
import org.bouncycastle.asn1.pkcs.PrivateKeyInfo;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.est.*;
import org.bouncycastle.est.jcajce.*;
import org.bouncycastle.jsse.BCSSLSocket;
import org.bouncycastle.openssl.PEMParser;
import org.bouncycastle.openssl.jcajce.JcaPEMKeyConverter;
import org.bouncycastle.operator.ContentSigner;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.pkcs.jcajce.JcaPKCS10CertificationRequestBuilder;
import org.bouncycastle.util.Store;

/* BcEst OPERATION HOST:PORT [name=value | flag] ... */
public class BcEst {
  static X509Certificate[] certs(String f) throws Exception {
    try (InputStream in = new FileInputStream(f)) {
      return CertificateFactory.getInstance("X.509")
          .generateCertificates(in).toArray(new X509Certificate[0]);
    }
  }
  static void show(Store<X509CertificateHolder> s) {
    for (X509CertificateHolder h : ESTService.storeToArray(s))
      System.out.println("cert " + h.getSubject() + " serial " + h.getSerialNumber().toString(16));
  }
  public static void main(String[] a) throws Exception {
    Map<String, String> o = new HashMap<>();
    for (String x : Arrays.asList(a).subList(2, a.length))
      o.put(x.split("=", 2)[0], x.contains("=") ? x.split("=", 2)[1] : "");
    Security.addProvider(new org.bouncycastle.jce.provider.BouncyCastleProvider());
    X509TrustManager[] tm = {JcaJceUtils.getTrustAllTrustManager()};
    if (o.containsKey("ca")) {
      Set<TrustAnchor> ta = new HashSet<>();
      for (X509Certificate c : certs(o.get("ca"))) ta.add(new TrustAnchor(c, null));
      tm = JcaJceUtils.getCertPathTrustManager(ta, null);
    }
    JsseESTServiceBuilder b = new JsseESTServiceBuilder(a[1], tm);
    b.withTimeout(10000);
    if (o.containsKey("tls")) b.withTLSVersion(o.get("tls"));
    if (o.containsKey("label")) b.withLabel(o.get("label"));
    if (o.containsKey("cert")) {
      PrivateKey k;
      try (PEMParser p = new PEMParser(new FileReader(o.get("key")))) {
        k = new JcaPEMKeyConverter().getPrivateKey((PrivateKeyInfo) p.readObject());
      }
      KeyStore ks = KeyStore.getInstance("PKCS12");
      ks.load(null, null);
      ks.setKeyEntry("k", k, "x".toCharArray(), certs(o.get("cert")));
      KeyManagerFactory f = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
      f.init(ks, "x".toCharArray());
      b.withKeyManagers(f.getKeyManagers());
    }
    if (o.containsKey("bcjsse")) {
      Security.insertProviderAt(new org.bouncycastle.jsse.provider.BouncyCastleJsseProvider(), 1);
      b.withProvider("BCJSSE");
      b.withChannelBindingProvider(new ChannelBindingProvider() {
        public boolean canAccessChannelBinding(java.net.Socket s) { return s instanceof BCSSLSocket; }
        public byte[] getChannelBinding(java.net.Socket s, String t) {
          return ((BCSSLSocket) s).getConnection().getChannelBinding(t);
        }
      });
    }
    ESTAuth auth = null;
    if (o.containsKey("user")) {
      String[] u = o.get("user").split(":", 2);
      auth = new JcaHttpAuthBuilder(null, u[0], u[1].toCharArray()).build();
    }
    ESTService est = b.build();
    if (a[0].equals("cacerts")) {
      CACertsResponse r = est.getCACerts();
      System.out.println("trusted " + r.isTrusted());
      show(r.getCertificateStore());
      return;
    }
    if (a[0].equals("csrattrs")) {
      CSRRequestResponse r = est.getCSRAttributes();
      System.out.println("attributes " + r.hasAttributesResponse());
      if (r.hasAttributesResponse())
        for (Object x : r.getAttributesResponse().getRequirements()) System.out.println("oid " + x);
      return;
    }
    KeyPairGenerator g = KeyPairGenerator.getInstance("EC");
    g.initialize(256);
    KeyPair kp = g.generateKeyPair();
    JcaPKCS10CertificationRequestBuilder pb = o.containsKey("dnfromcert")
        ? new JcaPKCS10CertificationRequestBuilder(X500Name.getInstance(
            certs(o.get("cert"))[0].getSubjectX500Principal().getEncoded()), kp.getPublic())
        : new JcaPKCS10CertificationRequestBuilder(
            new X500Principal("CN=" + o.getOrDefault("cn", "bc-device")), kp.getPublic());
    ContentSigner cs = new JcaContentSignerBuilder("SHA256withECDSA").build(kp.getPrivate());
    boolean re = a[0].equals("simplereenroll"), skg = a[0].equals("serverkeygen");
    EnrollmentResponse r = skg ? est.simpleEnrollWithServersideCreation(pb.build(cs), auth)
        : o.containsKey("pop") ? est.simpleEnrollPoP(re, pb, cs, auth)
        : est.simpleEnroll(re, pb.build(cs), auth);
    System.out.println("completed " + r.isCompleted() + " notBefore " + r.getNotBefore());
    if (!r.isCompleted()) System.exit(3);
    show(r.getStore());
    if (skg) System.out.println("key " + r.getPrivateKeyInfo().getPrivateKeyAlgorithm().getAlgorithm());
  }
}
