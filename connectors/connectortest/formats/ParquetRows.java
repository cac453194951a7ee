import java.io.PrintStream;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.StringJoiner;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.parquet.hadoop.ParquetReader;
import org.apache.parquet.hadoop.example.GroupReadSupport;
import org.apache.parquet.hadoop.metadata.BlockMetaData;
import org.apache.parquet.hadoop.metadata.ColumnChunkMetaData;
import org.apache.parquet.hadoop.util.HadoopInputFile;
import org.apache.parquet.schema.LogicalTypeAnnotation.DecimalLogicalTypeAnnotation;
import org.apache.parquet.schema.LogicalTypeAnnotation.ListLogicalTypeAnnotation;
import org.apache.parquet.schema.LogicalTypeAnnotation.MapLogicalTypeAnnotation;
import org.apache.parquet.schema.PrimitiveType;
import org.apache.parquet.schema.Type;

/**
 * Prints Parquet files as parquet-mr reads them, each as one line on its column chunks and one on
 * every row, all of them JSON. Values are strings: of numbers the digits, of floating-point numbers
 * the bits, of bytes and texts hexadecimal digits.
 */
public final class ParquetRows {
  public static void main(String[] files) throws Exception {
    PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
    Configuration conf = new Configuration(false);
    for (String file : files) {
      Path path = new Path(file);
      out.println(chunks(path, conf));
      try (ParquetReader<Group> rows =
          ParquetReader.builder(new GroupReadSupport(), path).withConf(conf).build()) {
        for (Group row = rows.read(); row != null; row = rows.read()) {
          out.println(record(row));
        }
      }
    }
    out.close();
    if (out.checkError()) {
      throw new java.io.IOException("printing rows");
    }
  }

  /** The codec and the presence of a dictionary of every column chunk, by row group. */
  private static String chunks(Path path, Configuration conf) throws Exception {
    StringJoiner groups = new StringJoiner(",", "[", "]");
    try (ParquetFileReader file =
        ParquetFileReader.open(HadoopInputFile.fromPath(path, conf))) {
      for (BlockMetaData group : file.getFooter().getBlocks()) {
        StringJoiner columns = new StringJoiner(",", "{", "}");
        for (ColumnChunkMetaData chunk : group.getColumns()) {
          columns.add(String.format("\"%s\":{\"codec\":\"%s\",\"dictionary\":%b}",
              chunk.getPath().toDotString(), chunk.getCodec(), chunk.hasDictionaryPage()));
        }
        groups.add(columns.toString());
      }
    }
    return groups.toString();
  }

  private static String record(Group group) {
    StringJoiner fields = new StringJoiner(",", "{", "}");
    for (int i = 0; i < group.getType().getFieldCount(); i++) {
      fields.add("\"" + group.getType().getFieldName(i) + "\":" + field(group, i));
    }
    return fields.toString();
  }

  /** A field of a group, which is there once or, when it may be, not at all. */
  private static String field(Group group, int i) {
    if (group.getFieldRepetitionCount(i) == 0) {
      return "null";
    }
    Type type = group.getType().getType(i);
    if (type.isPrimitive()) {
      return "\"" + leaf(group, i, type.asPrimitiveType()) + "\"";
    }
    Group inner = group.getGroup(i, 0);
    if (type.getLogicalTypeAnnotation() instanceof ListLogicalTypeAnnotation) {
      StringJoiner items = new StringJoiner(",", "[", "]");
      for (int k = 0; k < inner.getFieldRepetitionCount(0); k++) {
        items.add(field(inner.getGroup(0, k), 0));
      }
      return items.toString();
    }
    if (type.getLogicalTypeAnnotation() instanceof MapLogicalTypeAnnotation) {
      StringJoiner pairs = new StringJoiner(",", "{", "}");
      for (int k = 0; k < inner.getFieldRepetitionCount(0); k++) {
        Group pair = inner.getGroup(0, k);
        pairs.add(field(pair, 0) + ":" + field(pair, 1));
      }
      return pairs.toString();
    }
    return record(inner);
  }

  private static String leaf(Group group, int i, PrimitiveType type) {
    switch (type.getPrimitiveTypeName()) {
      case BOOLEAN:
        return String.valueOf(group.getBoolean(i, 0));
      case INT32:
        return String.valueOf(group.getInteger(i, 0));
      case INT64:
        return String.valueOf(group.getLong(i, 0));
      case FLOAT:
        return Integer.toHexString(Float.floatToIntBits(group.getFloat(i, 0)));
      case DOUBLE:
        return Long.toHexString(Double.doubleToLongBits(group.getDouble(i, 0)));
      default:
        byte[] bytes = group.getBinary(i, 0).getBytes();
        if (type.getLogicalTypeAnnotation() instanceof DecimalLogicalTypeAnnotation) {
          return new BigInteger(bytes).toString();
        }
        return HexFormat.of().formatHex(bytes);
    }
  }
}
