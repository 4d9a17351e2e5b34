"""The scanner measures what a person would call a function, through everything that looks like a brace."""

from cpp_functions import functions


def measured(text):
    return [(function.name, function.line, function.lines) for function in functions(text)]


def test_free_functions_methods_and_nested_blocks():
    text = """namespace remora {
int one() { return 1; }

struct Two {
  int three() const {
    if (x) {
      return 1;
    }
  }
  int four = 4;
};
Task<void> Two::five(Core& core) {
  co_await [](int) { return; }(1);
}
}  // namespace remora
"""
    assert measured(text) == [("one", 2, 1), ("three", 5, 5), ("Two::five", 12, 3)]


def test_the_declaration_counts_from_its_first_line():
    assert measured("template <class T>\nvoid\nf(T a,\n  T b) {\n}\n") == [("f", 1, 5)]


def test_braces_in_literals_comments_and_macros_are_no_braces():
    text = """#define OPEN {
#define LONG \\
  {
// {
/* { */
void f() {
  auto a = "{\\"{";
  auto b = '{';
  auto c = R"x({)" {)x";
  auto d = 1'000;
}
"""
    assert measured(text) == [("f", 6, 6)]


def test_member_initialisers_and_default_arguments_with_braces():
    text = """Pool::Pool(Options options)
    : options_{options},
      size_(2), map_{{1, 2}} {
  start();
}
void f(Options options = {}) {
}
"""
    assert measured(text) == [("Pool::Pool", 1, 5), ("f", 6, 2)]


def test_types_enums_tables_and_initialisers_are_no_functions():
    text = """class alignas(64) Counter : public Base<int> {
  int a_{0};
};
enum class Kind : uint8_t {
  kA,
};
constexpr std::array kRows = {
  Row{1, f(2)},
};
const std::vector<int> list{1, 2};
std::array<int, static_cast<size_t>(Kind::kA)> names = {
};
static_assert(sizeof(int) == 4);
extern "C" {
void f() {}
}
"""
    assert measured(text) == [("f", 15, 1)]


def test_operators_destructors_requires_and_trailing_returns():
    text = """bool operator==(const A& a, const A& b) { return true; }
Lease::~Lease() { }
template <class T> requires requires(T t) { t.x(); }
auto g(T t) -> int { return 1; }
struct S h() { return {}; }
auto lambda = [](int x) {
  return x;
};
"""
    assert [name for name, _, _ in measured(text)] == ["operator==", "Lease::~Lease", "g", "h", "lambda"]
