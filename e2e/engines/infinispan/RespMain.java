import org.infinispan.commons.dataconversion.MediaType;
import org.infinispan.configuration.cache.ConfigurationBuilder;
import org.infinispan.configuration.global.GlobalConfigurationBuilder;
import org.infinispan.manager.DefaultCacheManager;
import org.infinispan.persistence.rocksdb.configuration.RocksDBStoreConfigurationBuilder;
import org.infinispan.server.resp.RespServer;
import org.infinispan.server.resp.configuration.RespServerConfigurationBuilder;
public class RespMain { public static void main(String[] a) throws Exception {
 String dir = a[0]; int port = Integer.parseInt(a[1]);
 GlobalConfigurationBuilder g = new GlobalConfigurationBuilder().nonClusteredDefault();
 g.globalState().enable().persistentLocation(dir).temporaryLocation(dir + "/tmp");
 DefaultCacheManager cm = new DefaultCacheManager(g.build());
 ConfigurationBuilder cb = new ConfigurationBuilder();
 cb.encoding().key().mediaType(MediaType.APPLICATION_OCTET_STREAM); cb.encoding().value().mediaType(MediaType.APPLICATION_OCTET_STREAM);
 cb.clustering().hash().keyPartitioner(new org.infinispan.distribution.ch.impl.RESPHashFunctionPartitioner()).numSegments(256);
 cb.persistence().addStore(RocksDBStoreConfigurationBuilder.class).location(dir + "/rocks").expiredLocation(dir + "/exp");
 cm.defineConfiguration("respCache", cb.build());
 new RespServer().start(new RespServerConfigurationBuilder().host("127.0.0.1").port(port).defaultCacheName("respCache").build(), cm);
 System.out.println("ready");
}}
