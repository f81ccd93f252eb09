import de.bwaldvogel.mongo.MongoBackend;
import de.bwaldvogel.mongo.MongoCollection;
import de.bwaldvogel.mongo.MongoDatabase;
import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.AbstractUniqueIndex;
import de.bwaldvogel.mongo.backend.CollectionOptions;
import de.bwaldvogel.mongo.backend.CursorRegistry;
import de.bwaldvogel.mongo.backend.Index;
import de.bwaldvogel.mongo.backend.IndexKey;
import de.bwaldvogel.mongo.backend.KeyValue;
import de.bwaldvogel.mongo.backend.Missing;
import de.bwaldvogel.mongo.backend.QueryResult;
import de.bwaldvogel.mongo.backend.Utils;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import de.bwaldvogel.mongo.backend.h2.H2Collection;
import de.bwaldvogel.mongo.backend.h2.H2Database;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.wire.bson.BsonDecoder;
import de.bwaldvogel.mongo.wire.bson.BsonEncoder;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Supplier;
import org.h2.mvstore.MVMap;
import org.h2.mvstore.MVStore;
import org.h2.mvstore.WriteBuffer;
import org.h2.mvstore.type.BasicDataType;

/**
 * A server that speaks MongoDB's wire protocol, for tests: mongo-java-server over one H2 file, made to keep three promises that it does not keep
 * by itself. Arguments: port on 127.0.0.1, path of the file. Ends on SIGTERM with the file closed.
 */
public final class MongoStandIn {
  /** The current driver refuses servers older than wire version 9 (MongoDB 4.4), and the library's own choices end at 8. */
  private static final MongoVersion VERSION = new MongoVersion() {
    @Override
    public List<Integer> getVersionArray() {
      return List.of(4, 4, 0);
    }

    @Override
    public int getWireVersion() {
      return 9;
    }
  };

  /** Of pages that need not be read and decoded again: the documents of a long test. Each takes some times of what it is counted as. */
  private static final int CACHE_MIB = 256;

  /** A page is rewritten whole for each document of it that changes: of this size it holds a few. */
  private static final int PAGE_BYTES = 4_096;

  public static void main(String[] args) {
    int port = Integer.parseInt(args[0]);
    MVStore store = new MVStore.Builder().fileName(args[1]).cacheSize(CACHE_MIB).pageSplitSize(PAGE_BYTES).open();
    // Each write commits, and what it replaced is of no use to anyone: without this the file grows by every version of every page for 45 s.
    store.setRetentionTime(0);
    H2Backend backend = new H2Backend(store) {
      @Override
      protected MongoDatabase openOrCreateDatabase(String name) {
        return databaseOf(name, store, getCursorRegistry());
      }
    };
    backend.version(VERSION);
    MongoServer server = new MongoServer(exact(backend, store));
    try {
      server.bind("127.0.0.1", port);
    } catch (RuntimeException refused) {
      // The library's own threads would keep the process, and whoever waits for it, for ever.
      refused.printStackTrace();
      Runtime.getRuntime().halt(1);
    }
    Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow));
  }

  /**
   * One request at a time; its answer is a copy, because the library's shares live documents, which a later request changes while the answer is
   * being encoded; and what it wrote is in the file before the answer leaves, so that kill -9 loses nothing acknowledged.
   */
  private static MongoBackend exact(MongoBackend backend, MVStore store) {
    Object lock = new Object();
    return (MongoBackend) Proxy.newProxyInstance(
        MongoStandIn.class.getClassLoader(),
        new Class<?>[] {MongoBackend.class},
        (proxy, method, arguments) -> {
          synchronized (lock) {
            try {
              return copied(method.invoke(backend, arguments));
            } catch (InvocationTargetException failed) {
              throw failed.getCause();
            } finally {
              // A commit under a lock of its own, shared by those who wait for it, was 10 % faster: not worth a second lock.
              if (!store.isClosed() && store.hasUnsavedChanges()) store.commit();
            }
          }
        });
  }

  private static Object copied(Object answer) {
    if (answer instanceof Document document) return document.cloneDeeply();
    if (answer instanceof QueryResult result) {
      List<Document> documents = new ArrayList<>();
      for (Document document : result) documents.add(document.cloneDeeply());
      return new QueryResult(documents, result.getCursorId());
    }
    return answer;
  }

  /** Anonymous, because the library's constructor asks for the indexes of what is in the file: `store` is known by then only if it is captured. */
  private static MongoDatabase databaseOf(String database, MVStore store, CursorRegistry cursors) {
    Map<String, IdIndex> ids = new HashMap<>();
    return new H2Database(database, store, cursors) {
      @Override
      protected MongoCollection<Object> openOrCreateCollection(String name, CollectionOptions options) {
        MVMap<String, Object> facts = store.openMap("meta." + getFullCollectionNamespace(name));
        return new Collection(this, name, options, documentsOf(name), facts, cursors);
      }

      @Override
      protected Index<Object> openOrCreateUniqueIndex(
          String collection, String name, List<IndexKey> keys, boolean sparse) {
        if (!name.equals("_id_")) return super.openOrCreateUniqueIndex(collection, name, keys, sparse);
        IdIndex opened = new IdIndex(documentsOf(collection));
        ids.put(collection, opened);
        return opened;
      }

      @Override
      protected Index<Object> openOrCreateSecondaryIndex(
          String collection, String name, List<IndexKey> keys, boolean sparse) {
        // In a file that is opened again it may come before the index of ids.
        return new FirstFieldIndex(name, keys, () -> ids.get(collection));
      }

      /** The library opens it by this name, and gets it as it is open already. */
      private MVMap<Object, Document> documentsOf(String collection) {
        String map = "databases." + getFullCollectionNamespace(collection);
        return store.openMap(map, new MVMap.Builder<Object, Document>().valueType(new DocumentType()));
      }
    };
  }

  /**
   * Keeps documents in the order in which they came. The library keeps them in that of their ids: among random ones, each new document has a page
   * of its own to be written, with its neighbours.
   */
  private static final class Collection extends H2Collection {
    private final MVMap<Object, Document> documents;
    private long newest;

    Collection(
        MongoDatabase database,
        String name,
        CollectionOptions options,
        MVMap<Object, Document> documents,
        MVMap<String, Object> facts,
        CursorRegistry cursors) {
      super(database, name, options, documents, facts, cursors);
      this.documents = documents;
      // Others are in files of before.
      for (Object position : documents.keySet()) if (position instanceof Long known) newest = Math.max(newest, known);
    }

    @Override
    protected Object addDocumentInternal(Document document) {
      if (!IdIndex.FIELD.equals(getIdField())) return super.addDocumentInternal(document);
      newest += 1;
      documents.put(newest, document);
      return newest;
    }

    /** Nobody asks how large it is, and to know it costs two encodings of each document that changes. */
    @Override
    protected boolean tracksDataSize() {
      return false;
    }
  }

  /**
   * Finds a document by its id as a database does. The library's index is taken only for a query of the id and nothing else: a guarded write
   * looked through the whole collection, for milliseconds among some thousand documents. And it serializes the keys to compare them, which
   * made a lookup cost 0.2 ms. What is found here the library still holds against the whole query. It is in memory only, and made from the
   * documents when the file is opened: in the file, half of the pages that a write changed were its own.
   */
  private static final class IdIndex extends AbstractUniqueIndex<Object> {
    static final String FIELD = "_id";
    private final Map<KeyValue, Object> positions = new HashMap<>();

    IdIndex(MVMap<Object, Document> documents) {
      super("_id_", List.of(new IndexKey(FIELD, true)), false);
      for (Map.Entry<Object, Document> entry : documents.entrySet())
        for (KeyValue id : getKeyValues(entry.getValue())) positions.put(id, entry.getKey());
    }

    @Override
    public synchronized boolean canHandle(Document query) {
      return query.containsKey(FIELD) && super.canHandle(idOf(query));
    }

    @Override
    public synchronized Iterable<Object> getPositions(Document query) {
      return super.getPositions(idOf(query));
    }

    @Override
    protected Object getPosition(KeyValue id) {
      return positions.get(id);
    }

    @Override
    protected boolean putKeyPosition(KeyValue id, Object position) {
      return positions.putIfAbsent(id, Missing.ofNullable(position)) == null;
    }

    @Override
    protected Object removeDocument(KeyValue id) {
      return positions.remove(id);
    }

    @Override
    protected Iterable<Map.Entry<KeyValue, Object>> getIterable() {
      return positions.entrySet();
    }

    @Override
    public long getCount() {
      return positions.size();
    }

    @Override
    public long getDataSize() {
      return getCount();
    }

    /** Where the document of this id is. */
    Object of(Object id) {
      return positions.get(new KeyValue(id).normalized());
    }

    private static Document idOf(Document query) {
      return new Document(FIELD, query.get(FIELD));
    }
  }

  /**
   * Finds documents by the first field of an index, where a query asks for one text of it. The library knows unique indexes only, and looked
   * through all messages for the few that a client waits for: a gateway that was asked by ten at once had no answer within seconds. In memory,
   * and made by the library when the file is opened. What is found here it still holds against the whole query.
   */
  private static final class FirstFieldIndex extends Index<Object> {
    private final String field;
    private final String[] path;
    private final Supplier<IdIndex> ids;
    private final Map<String, Set<Object>> byText = new HashMap<>();
    /** Of documents that have something else there: a text may be in it. */
    private final Set<Object> others = new LinkedHashSet<>();

    FirstFieldIndex(String name, List<IndexKey> keys, Supplier<IdIndex> ids) {
      super(name, keys, true);
      this.ids = ids;
      field = keys.get(0).getKey();
      path = field.split("\\.");
    }

    @Override
    public boolean canHandle(Document query) {
      return query.get(field) instanceof String;
    }

    @Override
    public Iterable<Object> getPositions(Document query) {
      List<Object> found = new ArrayList<>();
      for (Object id : byText.getOrDefault((String) query.get(field), Set.of())) found.add(ids.get().of(id));
      for (Object id : others) found.add(ids.get().of(id));
      return found;
    }

    /** The index of ids tells it. */
    @Override
    public Object getPosition(Document document) {
      return null;
    }

    @Override
    public void add(Document document, Object position, MongoCollection<Object> collection) {
      Object value = valueIn(document);
      Object id = document.get(IdIndex.FIELD);
      if (value instanceof String text) byText.computeIfAbsent(text, any -> new LinkedHashSet<>()).add(id);
      else if (!Missing.isNullOrMissing(value)) others.add(id);
    }

    @Override
    public Object remove(Document document) {
      Object value = valueIn(document);
      Object id = document.get(IdIndex.FIELD);
      if (!(value instanceof String text)) others.remove(id);
      else if (byText.containsKey(text)) {
        byText.get(text).remove(id);
        if (byText.get(text).isEmpty()) byText.remove(text);
      }
      return null;
    }

    @Override
    public void updateInPlace(
        Document before, Document after, Object position, MongoCollection<Object> collection) {
      if (Objects.equals(valueIn(before), valueIn(after))) return;
      remove(before);
      add(after, position, collection);
    }

    /** Nothing is refused for its sake. */
    @Override
    public void checkAdd(Document document, MongoCollection<Object> collection) {}

    @Override
    public void checkUpdate(Document before, Document after, MongoCollection<Object> collection) {}

    @Override
    public void drop() {}

    @Override
    public long getCount() {
      return byText.size() + others.size();
    }

    @Override
    public long getDataSize() {
      return getCount();
    }

    /** The library takes the path apart for each document; what to make of a list on the way only it knows. */
    private Object valueIn(Document document) {
      Object value = document;
      for (String name : path) {
        if (!(value instanceof Document inner)) return Utils.getSubdocumentValueCollectionAware(document, field);
        value = inner.getOrMissing(name);
      }
      return value;
    }
  }

  /** Keeps documents in the file as BSON. The library has Java serialize them, and a write rewrites its whole page: that cost 3 ms. */
  private static final class DocumentType extends BasicDataType<Document> {
    /** About right; measuring each would cost an encoding. */
    private static final int MEMORY_BYTES = 1_024;

    @Override
    public int getMemory(Document document) {
      return MEMORY_BYTES;
    }

    @Override
    public void write(WriteBuffer buffer, Document document) {
      ByteBuf bson = Unpooled.buffer(MEMORY_BYTES);
      BsonEncoder.encodeDocument(document, bson);
      buffer.put(bson.nioBuffer());
    }

    @Override
    public Document read(ByteBuffer buffer) {
      ByteBuf bson = Unpooled.wrappedBuffer(buffer);
      Document document = BsonDecoder.decodeBson(bson);
      buffer.position(buffer.position() + bson.readerIndex());
      return document;
    }

    @Override
    public Document[] createStorage(int size) {
      return new Document[size];
    }
  }
}
